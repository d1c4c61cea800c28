import type { DescEnum, DescField, DescFile, DescMessage, DescOneof, DescService } from "@bufbuild/protobuf";
import { protoCamelCase, safeObjectProperty } from "@bufbuild/protobuf/reflect";
import type {
  EnumProto,
  FieldProto,
  FileProto,
  MessageProto,
  MethodProto,
  ServiceProto,
} from "./read-file-descriptor.ts";

// Numbers of google/protobuf/descriptor.proto.
const edition = { proto3: 999 };
const label = { repeated: 3 };
const type = { string: 9, message: 11, bytes: 12, enum: 14 };
const presence = { explicit: 1, implicit: 2 };
const idempotencyUnknown = 0;

/**
 * What protobuf-es knows a proto3 file by. The fields of a message are described when one of them is asked for: most
 * messages of a file are neither written nor read.
 */
export function describeFile(proto: FileProto, imports: readonly DescFile[]): DescFile {
  const file = {
    kind: "file",
    proto,
    deprecated: false,
    edition: edition.proto3,
    name: proto.name.replace(/\.proto$/, ""),
    dependencies: [...imports],
    enums: [],
    messages: [],
    extensions: [],
    services: [],
    toString: () => `file ${proto.name}`,
  } as unknown as DescFile;
  const scope = { file, path: proto.package };
  for (const one of proto.enumType) file.enums.push(describeEnum(one, scope));
  for (const one of proto.messageType) file.messages.push(describeMessage(one, scope));
  for (const one of proto.service) file.services.push(describeService(one, scope));
  return file;
}

/** Where a type is declared. */
interface Scope {
  readonly file: DescFile;
  readonly path: string | undefined;
  readonly parent?: DescMessage;
}

function typeNameOf({ path }: Scope, name: string): string {
  return path === undefined ? name : `${path}.${name}`;
}

function describeMessage(proto: MessageProto, scope: Scope): DescMessage {
  let known: Members | undefined;
  const members = (): Members => {
    known ??= describeMembers(proto, message);
    return known;
  };
  const message = {
    kind: "message",
    proto,
    deprecated: proto.options?.deprecated ?? false,
    file: scope.file,
    parent: scope.parent,
    name: proto.name,
    typeName: typeNameOf(scope, proto.name),
    get fields() {
      return members().fields;
    },
    get field() {
      return members().field;
    },
    get oneofs() {
      return members().oneofs;
    },
    get members() {
      return members().members;
    },
    nestedEnums: [],
    nestedMessages: [],
    nestedExtensions: [],
    toString: () => `message ${message.typeName}`,
  } as unknown as DescMessage;
  const within = { file: scope.file, path: message.typeName, parent: message };
  for (const one of proto.enumType) message.nestedEnums.push(describeEnum(one, within));
  for (const one of proto.nestedType) {
    if (!one.options?.mapEntry) message.nestedMessages.push(describeMessage(one, within));
  }
  return message;
}

type Members = Pick<DescMessage, "fields" | "field" | "oneofs" | "members">;

function describeMembers(proto: MessageProto, message: DescMessage): Members {
  const groups = proto.oneofDecl.map((one) => describeOneof(one.name, message));
  const entries = proto.nestedType.filter((one) => one.options?.mapEntry);
  const fields = proto.field.map((one) => {
    const oneof = one.proto3Optional || one.oneofIndex === undefined ? undefined : groups[one.oneofIndex];
    const field = describeField(one, message, oneof, entries);
    oneof?.fields.push(field as (typeof oneof.fields)[number]);
    return field;
  });
  return {
    fields,
    field: Object.fromEntries(fields.map((field) => [field.localName, field])),
    // One that proto3 makes for an optional field holds none.
    oneofs: groups.filter((oneof) => oneof.fields.length > 0),
    members: [...new Set(fields.map((field) => field.oneof ?? field))],
  };
}

function describeOneof(name: string, parent: DescMessage): DescOneof {
  return {
    kind: "oneof",
    deprecated: false,
    parent,
    fields: [],
    name,
    localName: safeObjectProperty(protoCamelCase(name)),
    toString: () => `oneof ${parent.typeName}.${name}`,
  } as unknown as DescOneof;
}

function describeField(
  proto: FieldProto,
  parent: DescMessage,
  oneof: DescOneof | undefined,
  entries: readonly MessageProto[],
): DescField {
  const name = protoCamelCase(proto.name);
  const isMany = proto.label === label.repeated;
  const entry = isMany && entries.find((one) => `.${parent.typeName}.${one.name}` === proto.typeName);
  const [key, item = proto] = entry ? entry.field : [];
  const kind = item.type === type.message ? "message" : item.type === type.enum ? "enum" : "scalar";
  const isPresent = oneof !== undefined || proto.proto3Optional || kind === "message";
  return {
    kind: "field",
    proto,
    deprecated: proto.options?.deprecated ?? false,
    name: proto.name,
    number: proto.number,
    jsonName: proto.jsonName ?? name,
    localName: oneof === undefined ? safeObjectProperty(name) : name,
    parent,
    oneof,
    fieldKind: entry ? "map" : isMany ? "list" : kind,
    listKind: isMany && !entry ? kind : undefined,
    mapKind: entry ? kind : undefined,
    mapKey: key?.type,
    scalar: kind === "scalar" ? item.type : undefined,
    message: kind === "message" ? typeOf(parent.file, item.typeName) : undefined,
    enum: kind === "enum" ? typeOf(parent.file, item.typeName) : undefined,
    presence: isPresent && !isMany ? presence.explicit : presence.implicit,
    packed: isMany && !entry ? isPacked(proto) : undefined,
    delimitedEncoding: kind === "message" || entry ? false : undefined,
    longAsString: false,
    utf8Validation: true,
    getDefaultValue: isMany ? undefined : () => undefined,
    toString: () => `field ${parent.typeName}.${proto.name}`,
  } as unknown as DescField;
}

/** Whether a list is written as one run of numbers. */
function isPacked({ type: held, options }: FieldProto): boolean {
  return held !== type.string && held !== type.bytes && held !== type.message && (options?.packed ?? true);
}

function describeEnum(proto: EnumProto, scope: Scope): DescEnum {
  const made = {
    kind: "enum",
    proto,
    deprecated: proto.options?.deprecated ?? false,
    file: scope.file,
    parent: scope.parent,
    open: true,
    name: proto.name,
    typeName: typeNameOf(scope, proto.name),
    value: {},
    values: [],
    sharedPrefix: sharedPrefix(proto),
    toString: () => `enum ${made.typeName}`,
  } as unknown as DescEnum;
  for (const one of proto.value) {
    const value = describeEnumValue(one, made);
    made.values.push(value);
    // Where several names stand for a number, the first is the number's own.
    made.value[value.number] ??= value;
  }
  return made;
}

function describeEnumValue(proto: EnumProto["value"][number], parent: DescEnum): DescEnum["values"][number] {
  return {
    kind: "enum_value",
    proto,
    deprecated: false,
    parent,
    name: proto.name,
    localName: safeObjectProperty(proto.name.slice(parent.sharedPrefix?.length ?? 0)),
    number: proto.number ?? 0,
    jsonName: proto.name,
    toString: () => `enum value ${parent.typeName}.${proto.name}`,
  } as unknown as DescEnum["values"][number];
}

/** What all names of an enum begin with, where that is the enum's own name. */
function sharedPrefix({ name, value }: EnumProto): string | undefined {
  const prefix = `${name.replace(/(?!^)[A-Z]/g, (letter) => `_${letter}`).toLowerCase()}_`;
  const isShared = value.every(
    (one) => one.name.toLowerCase().startsWith(prefix) && /^\D/.test(one.name.slice(prefix.length)),
  );
  return isShared ? prefix : undefined;
}

function describeService(proto: ServiceProto, scope: Scope): DescService {
  const service = {
    kind: "service",
    proto,
    deprecated: false,
    file: scope.file,
    name: proto.name,
    typeName: typeNameOf(scope, proto.name),
    methods: [],
    method: {},
    toString: () => `service ${service.typeName}`,
  } as unknown as DescService;
  for (const one of proto.method) {
    const method = describeMethod(one, service);
    service.methods.push(method);
    service.method[method.localName] = method;
  }
  return service;
}

function describeMethod(proto: MethodProto, parent: DescService): DescService["methods"][number] {
  return {
    kind: "rpc",
    proto,
    deprecated: false,
    parent,
    name: proto.name,
    localName: safeObjectProperty(`${proto.name.slice(0, 1).toLowerCase()}${proto.name.slice(1)}`),
    methodKind: methodKind(proto),
    input: typeOf(parent.file, proto.inputType),
    output: typeOf(parent.file, proto.outputType),
    idempotency: idempotencyUnknown,
    toString: () => `rpc ${parent.typeName}.${proto.name}`,
  } as unknown as DescService["methods"][number];
}

function methodKind({ clientStreaming, serverStreaming }: MethodProto): string {
  if (clientStreaming) return serverStreaming ? "bidi_streaming" : "client_streaming";
  return serverStreaming ? "server_streaming" : "unary";
}

/** The type of a name with a leading dot, in a file or in what it imports. */
function typeOf(file: DescFile, dotted: string): DescEnum | DescMessage {
  const name = dotted.slice(1);
  for (const one of [file, ...file.dependencies]) {
    const found = typesOf(one).get(name);
    if (found !== undefined) return found;
  }
  throw new Error(`${file.name} names the type ${name}, which neither it nor its imports have`);
}

const typesByFile = new WeakMap<object, Map<string, DescEnum | DescMessage>>();

function typesOf(file: DescFile): Map<string, DescEnum | DescMessage> {
  let types = typesByFile.get(file);
  if (types === undefined) {
    types = new Map();
    addTypes(types, file.enums, file.messages);
    typesByFile.set(file, types);
  }
  return types;
}

function addTypes(
  types: Map<string, DescEnum | DescMessage>,
  enums: readonly DescEnum[],
  messages: readonly DescMessage[],
): void {
  for (const one of enums) types.set(one.typeName, one);
  for (const one of messages) {
    types.set(one.typeName, one);
    addTypes(types, one.nestedEnums, one.nestedMessages);
  }
}
