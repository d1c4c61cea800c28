import type { Field } from "./field.ts";
import { type Json, jsonObject, MalformedJsonError } from "./json.ts";
import { Reader } from "./reader.ts";
import type { Writer } from "./writer.ts";

/** How a message is written and read: its fields, in the order in which they stand on the wire. */
export interface Message<T extends object> {
  readonly fields: readonly MessageField<T>[];
  readonly byNumber: ReadonlyMap<number, MessageField<T>>;
}

/** All of one shape, whatever the field: encoding reads them more than anything else. */
interface MessageField<T> {
  readonly name: keyof T & string;
  readonly field: Field<unknown>;
  readonly write: Field<unknown>["write"];
  readonly isDefault: Field<unknown>["isDefault"];
}

/** The fields of a message by name. Their order is that on the wire, which need not be that of their numbers. */
export type Fields<T extends object> = {
  readonly [Name in keyof T]-?: Field<NonNullable<T[Name]>>;
};

/** Describes a message. */
export function message<T extends object>(fields: Fields<T>): Message<T> {
  const list = (Object.keys(fields) as (keyof T & string)[]).map((name) => {
    const field = fields[name] as Field<unknown>;
    return { name, field, write: field.write, isDefault: field.isDefault };
  });
  return { fields: list, byNumber: new Map(list.map((entry) => [entry.field.number, entry])) };
}

/** Writes a message without a length before it. */
export function encode<T extends object>(writer: Writer, type: Message<T>, value: T): void {
  for (const { name, isDefault, write } of type.fields) {
    const item = value[name];
    if (item !== undefined && !isDefault(item)) {
      write(writer, item);
    }
  }
}

/** Reads a whole message. Fields of newer releases are passed over. */
export function decode<T extends object>(type: Message<T>, bytes: Uint8Array): T {
  const reader = new Reader(bytes);
  const value: Partial<T> = {};
  while (!reader.done) {
    const key = reader.uint32();
    const known = type.byNumber.get(key >>> 3);
    if (known === undefined) {
      reader.skip(key & 7);
    } else {
      value[known.name] = known.field.read(reader, key & 7, value[known.name]) as T[keyof T & string];
    }
  }
  return value as T;
}

/** A message as JSON, its fields in the order of the wire. */
export function toJson<T extends object>(type: Message<T>, value: T): Json {
  const entries: [string, Json][] = [];
  for (const { name, field } of type.fields) {
    const item = value[name];
    if (item !== undefined && !field.isDefault(item)) {
      entries.push([name, field.toJson(item)]);
    }
  }
  return Object.fromEntries(entries);
}

/** The reverse of {@link toJson}. A name that is not known is an error: it would be lost. */
export function fromJson<T extends object>(type: Message<T>, json: Json): T {
  const object = jsonObject(json);
  const value: Partial<T> = {};
  for (const { name, field } of type.fields) {
    if (Object.hasOwn(object, name)) {
      value[name] = field.fromJson(object[name] ?? null) as T[keyof T & string];
    }
  }
  for (const name of Object.keys(object)) {
    if (!type.fields.some((known) => known.name === name)) {
      throw new MalformedJsonError(`${JSON.stringify(name)} is no field here`);
    }
  }
  return value as T;
}
