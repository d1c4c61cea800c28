// The types of the platform that packages for browsers too are checked without.
declare function atob(base64: string): string;

/** A message of google/protobuf/descriptor.proto: its fields by number, as far as proto3 files need them. */
type Shape = Readonly<Record<number, Field>>;

interface Field {
  readonly name: string;
  readonly read: (reader: Reader) => unknown;
  readonly isList?: boolean;
}

export interface FileProto extends Named {
  readonly package?: string;
  readonly messageType: readonly MessageProto[];
  readonly enumType: readonly EnumProto[];
  readonly service: readonly ServiceProto[];
}

export interface MessageProto extends Named {
  readonly field: readonly FieldProto[];
  readonly nestedType: readonly MessageProto[];
  readonly enumType: readonly EnumProto[];
  readonly oneofDecl: readonly Named[];
  readonly options?: { readonly deprecated?: boolean; readonly mapEntry?: boolean };
}

export interface FieldProto extends Named {
  readonly number: number;
  readonly label: number;
  readonly type: number;
  readonly typeName: string;
  readonly oneofIndex?: number;
  /** The serialised form has it only where it is not the usual one. */
  readonly jsonName?: string;
  readonly proto3Optional?: boolean;
  readonly options?: { readonly deprecated?: boolean; readonly packed?: boolean };
}

export interface EnumProto extends Named {
  readonly value: readonly (Named & { readonly number?: number })[];
  readonly options?: { readonly deprecated?: boolean };
}

export interface ServiceProto extends Named {
  readonly method: readonly MethodProto[];
}

export interface MethodProto extends Named {
  readonly inputType: string;
  readonly outputType: string;
  readonly clientStreaming?: boolean;
  readonly serverStreaming?: boolean;
}

interface Named {
  readonly name: string;
}

/** A file's descriptor from its serialised form in base64, which leaves out what the file imports. */
export function readFileDescriptor(base64: string): FileProto {
  // One character for each byte: nothing in a descriptor is other than ASCII, so its texts are parts of this one.
  const bytes = atob(base64);
  return readFields(file, { bytes, at: 0 }, bytes.length) as unknown as FileProto;
}

interface Reader {
  readonly bytes: string;
  at: number;
}

function readFields(shape: Shape, reader: Reader, end: number): Record<string, unknown> {
  const message: Record<string, unknown> = {};
  for (const { name, isList } of Object.values(shape)) if (isList) message[name] = [];
  while (reader.at < end) {
    const tag = readNumber(reader);
    const field = shape[tag >>> 3];
    if (field === undefined) skip(reader, tag & 7);
    else if (field.isList) (message[field.name] as unknown[]).push(field.read(reader));
    else message[field.name] = field.read(reader);
  }
  if (reader.at > end) throw new Error("the generated code has a descriptor that ends too early");
  return message;
}

function readNumber(reader: Reader): number {
  let number = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = reader.bytes.charCodeAt(reader.at++);
    number |= (byte & 0x7f) << shift;
    if (!(byte & 0x80)) return number;
  }
}

function skip(reader: Reader, wireType: number): void {
  if (wireType === 0) readNumber(reader);
  else if (wireType === 2) readText(reader);
  else throw new Error(`the generated code has a descriptor with a field of wire type ${wireType}`);
}

function readText(reader: Reader): string {
  const length = readNumber(reader);
  reader.at += length;
  return reader.bytes.slice(reader.at - length, reader.at);
}

function readMessage(shape: Shape, reader: Reader): Record<string, unknown> {
  const length = readNumber(reader);
  return readFields(shape, reader, reader.at + length);
}

const text = (name: string): Field => ({ name, read: readText });
const number = (name: string): Field => ({ name, read: readNumber });
const flag = (name: string): Field => ({ name, read: (reader) => readNumber(reader) !== 0 });
const one = (name: string, shape: Shape): Field => ({ name, read: (reader) => readMessage(shape, reader) });
const list = (name: string, shape: Shape): Field => ({ ...one(name, shape), isList: true });

const field: Shape = {
  1: text("name"),
  3: number("number"),
  4: number("label"),
  5: number("type"),
  6: text("typeName"),
  8: one("options", { 2: flag("packed"), 3: flag("deprecated") }),
  9: number("oneofIndex"),
  10: text("jsonName"),
  17: flag("proto3Optional"),
};

const enumType: Field = list("enumType", {
  1: text("name"),
  2: list("value", { 1: text("name"), 2: number("number") }),
  3: one("options", { 3: flag("deprecated") }),
});

const message: Shape = {
  1: text("name"),
  2: list("field", field),
  // Messages hold messages.
  3: { name: "nestedType", read: (reader) => readMessage(message, reader), isList: true },
  4: enumType,
  7: one("options", { 3: flag("deprecated"), 7: flag("mapEntry") }),
  8: list("oneofDecl", { 1: text("name") }),
};

const method: Shape = {
  1: text("name"),
  2: text("inputType"),
  3: text("outputType"),
  5: flag("clientStreaming"),
  6: flag("serverStreaming"),
};

const file: Shape = {
  1: text("name"),
  2: text("package"),
  4: list("messageType", message),
  5: enumType,
  6: list("service", { 1: text("name"), 2: list("method", method) }),
};
