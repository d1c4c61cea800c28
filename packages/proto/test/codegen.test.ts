import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { DescEnum, DescFile, DescMessage } from "@bufbuild/protobuf";
import { fileDesc as eagerFileDesc } from "@bufbuild/protobuf/codegenv2";
import {
  file_google_protobuf_any,
  file_google_protobuf_empty,
  file_google_protobuf_field_mask,
  file_google_protobuf_timestamp,
} from "@bufbuild/protobuf/wkt";
import { fileDesc as lazyFileDesc } from "@buildkit-node/proto/runtime";
import { describe, expect, it } from "vitest";

type FileDesc = (base64: string, imports: DescFile[]) => DescFile;

const generated = fileURLToPath(new URL("../src/gen", import.meta.url));
const texts = new Map(
  readdirSync(generated, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith("_pb.ts"))
    .map((name) => readFileSync(path.join(generated, name), "utf8"))
    .map((text) => [/export const (file_\w+): GenFile/.exec(text)?.[1] ?? "", text]),
);

const wellKnown = new Map(
  Object.entries({
    file_google_protobuf_any,
    file_google_protobuf_empty,
    file_google_protobuf_field_mask,
    file_google_protobuf_timestamp,
  }),
);

/** The file's descriptor as one of both makes it, with those of its imports. */
function describeFile(name: string, fileDesc: FileDesc): DescFile {
  const known = wellKnown.get(name);
  if (known !== undefined) return known;
  const [, base64 = "", imports = ""] =
    /fileDesc\("([^"]+)"(?:, \[([^\]]*)\])?\)/.exec(texts.get(name) ?? "") ?? [];
  const names = imports.split(", ").filter((one) => one !== "");
  return fileDesc(
    base64,
    names.map((one) => describeFile(one, fileDesc)),
  );
}

function shapeOfFile({ name, edition, dependencies, messages, enums, services }: DescFile): unknown {
  return {
    name,
    edition,
    dependencies: dependencies.map((one) => one.name),
    messages: messages.map(shapeOfMessage),
    enums: enums.map(shapeOfEnum),
    services: services.map(({ typeName, methods }) => ({
      typeName,
      shown: methods.map(String),
      methods: methods.map(({ name, localName, methodKind, idempotency, input, output }) => {
        return { name, localName, methodKind, idempotency, input: input.typeName, output: output.typeName };
      }),
    })),
  };
}

function shapeOfMessage(message: DescMessage): unknown {
  return {
    typeName: message.typeName,
    deprecated: message.deprecated,
    members: message.members.map(({ kind, localName }) => [kind, localName]),
    shown: String(message),
    // Errors name fields by these.
    shownFields: message.fields.map(String),
    fields: message.fields.map(({ proto: _, parent: __, oneof, message, enum: values, ...field }) => ({
      ...field,
      toString: undefined,
      getDefaultValue: undefined,
      oneof: oneof?.localName,
      message: message?.typeName,
      enum: values?.typeName,
    })),
    nestedMessages: message.nestedMessages.map(shapeOfMessage),
    nestedEnums: message.nestedEnums.map(shapeOfEnum),
  };
}

function shapeOfEnum({ typeName, open, sharedPrefix, values }: DescEnum): unknown {
  const shown = values.map(({ name, localName, number, jsonName }) => ({
    name,
    localName,
    number,
    jsonName,
  }));
  return { typeName, open, sharedPrefix, values: shown };
}

describe("generated code", () => {
  it.each([...texts.keys()])("describes %s as protobuf-es does", (name) => {
    const lazy = describeFile(name, lazyFileDesc);
    expect(shapeOfFile(lazy)).toEqual(shapeOfFile(describeFile(name, eagerFileDesc)));
  });

  it("reads no descriptor before it is used", () => {
    const broken = lazyFileDesc("bm90IGEgZGVzY3JpcHRvcg", []);
    expect(() => broken.messages).toThrow();
  });
});
