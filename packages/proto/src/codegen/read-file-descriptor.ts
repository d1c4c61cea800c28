import { protoCamelCase } from "@bufbuild/protobuf/reflect";
import { BinaryReader, base64Decode } from "@bufbuild/protobuf/wire";
import type { FileDescriptorProto } from "@bufbuild/protobuf/wkt";

/** A message of google/protobuf/descriptor.proto: its fields by number, as far as proto3 files and protobuf-es use them. */
interface Shape {
  readonly type: string;
  readonly fields: Readonly<Record<number, Field>>;
}

interface Field {
  readonly name: string;
  readonly read: (reader: BinaryReader) => unknown;
  readonly isList: boolean;
}

/** The message as protobuf-es has it, from its serialised form in base64, which leaves out what it imports. */
export function readFileDescriptor(base64: string, dependency: readonly string[]): FileDescriptorProto {
  const read = readMessage(file, base64Decode(base64));
  return { syntax: "", package: "", ...read, dependency } as unknown as FileDescriptorProto;
}

function readMessage({ type, fields }: Shape, bytes: Uint8Array): Record<string, unknown> {
  const message: Record<string, unknown> = { $typeName: `google.protobuf.${type}` };
  for (const { name, isList } of Object.values(fields)) if (isList) message[name] = [];
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    const field = fields[number];
    if (field === undefined) reader.skip(wireType, number);
    else if (field.isList) (message[field.name] as unknown[]).push(field.read(reader));
    else message[field.name] = field.read(reader);
  }
  return message;
}

const text = (name: string): Field => ({ name, read: (reader) => reader.string(), isList: false });
const number = (name: string): Field => ({ name, read: (reader) => reader.int32(), isList: false });
const flag = (name: string): Field => ({ name, read: (reader) => reader.bool(), isList: false });
const one = (name: string, shape: Shape): Field => ({
  name,
  read: (reader) => readMessage(shape, reader.bytes()),
  isList: false,
});
const list = (name: string, shape: Shape): Field => ({ ...one(name, shape), isList: true });

const fieldOptions: Shape = {
  type: "FieldOptions",
  fields: { 2: flag("packed"), 3: flag("deprecated"), 6: number("jstype") },
};

const fieldShape: Shape = {
  type: "FieldDescriptorProto",
  fields: {
    1: text("name"),
    3: number("number"),
    4: number("label"),
    5: number("type"),
    6: text("typeName"),
    8: one("options", fieldOptions),
    9: number("oneofIndex"),
    10: text("jsonName"),
    17: flag("proto3Optional"),
  },
};

/** The serialised form has only the names in JSON that are not the usual ones. */
const field: Field = {
  name: "field",
  read: (reader) => {
    const read = readMessage(fieldShape, reader.bytes());
    return { jsonName: protoCamelCase(String(read["name"])), ...read };
  },
  isList: true,
};

const enumType: Field = list("enumType", {
  type: "EnumDescriptorProto",
  fields: {
    1: text("name"),
    2: list("value", { type: "EnumValueDescriptorProto", fields: { 1: text("name"), 2: number("number") } }),
    3: one("options", { type: "EnumOptions", fields: { 3: flag("deprecated") } }),
  },
});

const message: Shape = {
  type: "DescriptorProto",
  fields: {
    1: text("name"),
    2: field,
    // Messages hold messages.
    3: { name: "nestedType", read: (reader) => readMessage(message, reader.bytes()), isList: true },
    4: enumType,
    6: list("extension", fieldShape),
    7: one("options", { type: "MessageOptions", fields: { 3: flag("deprecated"), 7: flag("mapEntry") } }),
    8: list("oneofDecl", { type: "OneofDescriptorProto", fields: { 1: text("name") } }),
  },
};

const service: Shape = {
  type: "ServiceDescriptorProto",
  fields: {
    1: text("name"),
    2: list("method", {
      type: "MethodDescriptorProto",
      fields: {
        1: text("name"),
        2: text("inputType"),
        3: text("outputType"),
        5: flag("clientStreaming"),
        6: flag("serverStreaming"),
      },
    }),
  },
};

const file: Shape = {
  type: "FileDescriptorProto",
  fields: {
    1: text("name"),
    2: text("package"),
    4: list("messageType", message),
    5: enumType,
    6: list("service", service),
    7: list("extension", fieldShape),
    12: text("syntax"),
  },
};
