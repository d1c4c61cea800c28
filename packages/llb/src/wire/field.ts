import {
  bytesFromJson,
  bytesToJson,
  type Json,
  jsonArray,
  jsonBoolean,
  jsonObject,
  jsonText,
  MalformedJsonError,
} from "./json.ts";
import { decode, encode, fromJson, type Message, toJson } from "./message.ts";
import { MalformedBytesError, Reader } from "./reader.ts";
import { compareUtf8, sortedUtf8 } from "./utf8.ts";
import type { Writer } from "./writer.ts";

/** A whole number; what does not fit a `number` exactly is a `bigint`. */
export type Int = number | bigint;

/** One field of a message: its number, and how its value is written and read. */
export interface Field<T> {
  readonly number: number;
  /** Whether the value is the one that counts when the field is left out, as it then is. */
  isDefault(value: T): boolean;
  write(writer: Writer, value: T): void;
  /** Reads one occurrence. A repeated field adds to what was read before. */
  read(reader: Reader, wireType: number, before: T | undefined): T;
  toJson(value: T): Json;
  fromJson(json: Json): T;
}

const varintType = 0;
const lengthType = 2;

/** A text; the empty one is left out. */
export function text(number: number): Field<string> {
  return {
    number,
    isDefault: (value) => value === "",
    write(writer, value) {
      tag(writer, number, lengthType);
      writer.text(value);
    },
    read: (reader, wireType) => expected(reader, wireType, lengthType).text(),
    toJson: (value) => value,
    fromJson: jsonText,
  };
}

/** Bytes; none are left out. */
export function bytes(number: number): Field<Uint8Array> {
  return {
    number,
    isDefault: (value) => value.length === 0,
    write(writer, value) {
      tag(writer, number, lengthType);
      writer.bytes(value);
    },
    read: (reader, wireType) => expected(reader, wireType, lengthType).bytes(),
    toJson: bytesToJson,
    fromJson: bytesFromJson,
  };
}

/** True or false; false is left out. */
export function flag(number: number): Field<boolean> {
  return {
    number,
    isDefault: (value) => !value,
    write(writer, value) {
      tag(writer, number, varintType);
      writer.varint(value ? 1 : 0);
    },
    read: (reader, wireType) => expected(reader, wireType, varintType).uint64() !== 0n,
    toJson: (value) => value,
    fromJson: jsonBoolean,
  };
}

/** A signed whole number; 0 is left out, unless its presence means something. */
export function int(number: number, options: { readonly presence?: boolean } = {}): Field<Int> {
  const presence = options.presence ?? false;
  return {
    number,
    isDefault: presence ? never : (value) => value === 0 || value === 0n,
    write(writer, value) {
      tag(writer, number, varintType);
      writer.int(value);
    },
    read: (reader, wireType) => signed(expected(reader, wireType, varintType).uint64()),
    toJson: intToJson,
    fromJson: intFromJson,
  };
}

/** One of a list of names, whose places in the list are their numbers; the first is left out. */
export function choice<Name extends string>(number: number, names: readonly Name[]): Field<Name | number> {
  const numbers = new Map(names.map((name, index) => [name, index]));
  return {
    number,
    isDefault: (value) => value === 0 || value === names[0],
    write(writer, value) {
      tag(writer, number, varintType);
      writer.int(typeof value === "number" ? value : (numbers.get(value) ?? 0));
    },
    read(reader, wireType) {
      const value = Number(signed(expected(reader, wireType, varintType).uint64()));
      return names[value] ?? value;
    },
    toJson: (value) => value,
    fromJson(json) {
      const name = names.find((candidate) => candidate === json);
      if (name !== undefined) {
        return name;
      }
      if (typeof json !== "number" || !Number.isInteger(json)) {
        throw new MalformedJsonError(`${JSON.stringify(json)} is none of ${names.join(", ")}`);
      }
      return json;
    },
  };
}

/** Texts, each of them written, empty ones too. */
export function texts(number: number): Field<readonly string[]> {
  return each(text(number));
}

/** Byte strings, each of them written. */
export function byteStrings(number: number): Field<readonly Uint8Array[]> {
  return each(bytes(number));
}

/** Signed numbers in one packed run; an empty list is left out. */
export function packedInts(number: number): Field<readonly Int[]> {
  return {
    number,
    isDefault: isEmpty,
    write(writer, values) {
      tag(writer, number, lengthType);
      const mark = writer.open();
      for (const value of values) {
        writer.int(value);
      }
      writer.close(mark);
    },
    read(reader, wireType, before = []) {
      if (wireType === varintType) {
        return appended(before, signed(reader.uint64()));
      }
      const packed = new Reader(expected(reader, wireType, lengthType).bytes());
      let values = before;
      while (!packed.done) {
        values = appended(values, signed(packed.uint64()));
      }
      return values;
    },
    toJson: (values) => values.map(intToJson),
    fromJson: (json) => jsonArray(json).map(intFromJson),
  };
}

/** A message inside a message; an empty one is written, because its presence means something. */
export function nested<T extends object>(number: number, type: () => Message<T>): Field<T> {
  return {
    number,
    isDefault: never,
    write: (writer, value) => writeNested(writer, number, type(), value),
    read: (reader, wireType) => decode(type(), expected(reader, wireType, lengthType).bytes()),
    toJson: (value) => toJson(type(), value),
    fromJson: (json) => fromJson(type(), json),
  };
}

/** Messages, each of them written. */
export function repeated<T extends object>(number: number, type: () => Message<T>): Field<readonly T[]> {
  return each(nested(number, type));
}

/** A list of what another field holds one of, with the same number. */
function each<T>(item: Field<T>): Field<readonly T[]> {
  return {
    number: item.number,
    isDefault: isEmpty,
    write(writer, values) {
      for (const value of values) {
        item.write(writer, value);
      }
    },
    read: (reader, wireType, before = []) => appended(before, item.read(reader, wireType, undefined)),
    toJson: (values) => values.map((value) => item.toJson(value)),
    fromJson: (json) => jsonArray(json).map((value) => item.fromJson(value)),
  };
}

/** A map from texts, in the order of the UTF-8 bytes of its keys; both halves of an entry are always written. */
export function map<T extends object | string>(
  number: number,
  type: "text" | (() => Message<T & object>),
): Field<ReadonlyMap<string, T>> {
  const value = (type === "text" ? text(2) : nested(2, type)) as unknown as Field<T>;
  const absent = (type === "text" ? "" : {}) as T;
  return {
    number,
    isDefault: (entries) => entries.size === 0,
    write(writer, entries) {
      const keys = entries.size < 2 ? entries.keys() : sortedUtf8(entries.keys());
      for (const key of keys) {
        tag(writer, number, lengthType);
        const mark = writer.open();
        tag(writer, 1, lengthType);
        writer.text(key);
        value.write(writer, entries.get(key) as T);
        writer.close(mark);
      }
    },
    read(reader, wireType, before) {
      const [key, item = absent] = readEntry(expected(reader, wireType, lengthType).bytes(), value);
      // The map was made by this reader.
      return ((before ?? new Map<string, T>()) as Map<string, T>).set(key, item);
    },
    toJson: (entries) =>
      Object.fromEntries(
        [...entries].sort(([a], [b]) => compareUtf8(a, b)).map(([key, item]) => [key, value.toJson(item)]),
      ),
    fromJson: (json) =>
      new Map(Object.entries(jsonObject(json)).map(([key, item]) => [key, value.fromJson(item)])),
  };
}

/** A set of names, on the wire a map from each of them to true. */
export function nameSet(number: number): Field<ReadonlySet<string>> {
  const value = flag(2);
  return {
    number,
    isDefault: (names) => names.size === 0,
    write(writer, names) {
      for (const name of sortedUtf8(names)) {
        tag(writer, number, lengthType);
        const mark = writer.open();
        tag(writer, 1, lengthType);
        writer.text(name);
        value.write(writer, true);
        writer.close(mark);
      }
    },
    read(reader, wireType, before) {
      const [name, isSet = false] = readEntry(expected(reader, wireType, lengthType).bytes(), value);
      return isSet ? new Set([...(before ?? []), name]) : (before ?? new Set());
    },
    toJson: (names) => sortedUtf8(names),
    fromJson: (json) => new Set(jsonArray(json).map(jsonText)),
  };
}

/** One field of a message of its own, as if it were the value: present even when that field is left out. */
export function wrapped<T>(number: number, inner: Field<T>, absent: T): Field<T> {
  return {
    number,
    isDefault: never,
    write(writer, value) {
      tag(writer, number, lengthType);
      const mark = writer.open();
      if (!inner.isDefault(value)) {
        inner.write(writer, value);
      }
      writer.close(mark);
    },
    read(reader, wireType) {
      const message = new Reader(expected(reader, wireType, lengthType).bytes());
      let value = absent;
      while (!message.done) {
        const key = message.uint32();
        if (key >>> 3 === inner.number) {
          value = inner.read(message, key & 7, value);
        } else {
          message.skip(key & 7);
        }
      }
      return value;
    },
    toJson: inner.toJson,
    fromJson: inner.fromJson,
  };
}

function never(): boolean {
  return false;
}

function isEmpty(values: readonly unknown[]): boolean {
  return values.length === 0;
}

function tag(writer: Writer, number: number, wireType: number): void {
  writer.varint((number << 3) | wireType);
}

function writeNested<T extends object>(writer: Writer, number: number, type: Message<T>, value: T): void {
  tag(writer, number, lengthType);
  const mark = writer.open();
  encode(writer, type, value);
  writer.close(mark);
}

function readEntry<T>(entry: Uint8Array, value: Field<T>): readonly [string, T | undefined] {
  const reader = new Reader(entry);
  let key = "";
  let item: T | undefined;
  while (!reader.done) {
    const tagged = reader.uint32();
    if (tagged >>> 3 === 1) {
      key = expected(reader, tagged & 7, lengthType).text();
    } else if (tagged >>> 3 === 2) {
      item = value.read(reader, tagged & 7, undefined);
    } else {
      reader.skip(tagged & 7);
    }
  }
  return [key, item];
}

/** Adds to a list that this reader made itself, and so may change. */
function appended<T>(before: readonly T[], item: T): readonly T[] {
  (before as T[]).push(item);
  return before;
}

function expected(reader: Reader, wireType: number, wanted: number): Reader {
  if (wireType !== wanted) {
    throw new MalformedBytesError(`a field has wire type ${wireType} in the place of ${wanted}`);
  }
  return reader;
}

function signed(value: bigint): Int {
  const int64 = BigInt.asIntN(64, value);
  return int64 >= Number.MIN_SAFE_INTEGER && int64 <= Number.MAX_SAFE_INTEGER ? Number(int64) : int64;
}

/** A number, or a text for what a number cannot hold exactly. */
function intToJson(value: Int): Json {
  const exact = typeof value === "number" ? value : signed(BigInt.asUintN(64, value));
  return typeof exact === "number" ? exact : exact.toString();
}

function intFromJson(json: Json): Int {
  if (typeof json === "number" && Number.isSafeInteger(json)) {
    return json;
  }
  if (typeof json === "string" && /^-?[0-9]+$/.test(json)) {
    return signed(BigInt.asUintN(64, BigInt(json)));
  }
  throw new MalformedJsonError(`expected a whole number, not ${JSON.stringify(json)}`);
}
