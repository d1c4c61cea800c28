import { fromBinary } from "@bufbuild/protobuf";
import * as llb from "@buildkit-node/llb";
import { OpSchema } from "@buildkit-node/proto/pb";
import { describe, expect, it } from "vitest";
import { marshalled, options } from "./support/graphs.ts";

const alpine = llb.image("alpine");

describe("the definition", () => {
  it("names its head and itself", () => {
    const definition = marshalled(alpine.run(["x"]));
    expect(definition.digests).toHaveLength(3);
    expect(definition.head).toBe(definition.digests[1]);
    expect(definition.digest).toBe(definition.digests[2]);
    expect([...definition.caps].sort()).toEqual([
      "constraints",
      "exec.meta.base",
      "exec.mount.bind",
      "platform",
      "source.image",
    ]);
    for (const cap of definition.caps) {
      expect(llb.capabilities).toContain(cap);
    }
  });

  it("tells the sources that it reads, once each", () => {
    const context = llb.local("context");
    const built = alpine.run(["x"]).file([llb.mkfile("/a", "a"), llb.copy(context, "a", "/")]);
    const definition = marshalled(built.file(llb.copy(context, "b", "/")));
    const sources = ["docker-image://docker.io/library/alpine:latest", "local://context"];
    expect([...definition.sources].sort()).toEqual(sources);
    const nameless = llb.Definition.fromWire({ def: [new Uint8Array([0x1a, 0])] });
    expect(nameless.sources).toEqual([""]);
    const broken = llb.Definition.fromWire({ def: [new Uint8Array([0x1a, 9])] });
    expect(() => broken.sources).toThrow(expect.objectContaining({ reason: "definition" }));
  });

  it("of an empty filesystem is empty", () => {
    const empty = marshalled(llb.scratch());
    expect(empty).toMatchObject({ isEmpty: true, head: undefined, digest: undefined });
    expect(empty.toBytes()).toHaveLength(0);
  });

  it("of a build without a file name is that of one with an empty name", () => {
    expect(marshalled(alpine.build({ filename: "" })).digest).toBe(marshalled(alpine.build()).digest);
    expect(marshalled(alpine.build({ filename: "f" })).digest).not.toBe(marshalled(alpine.build()).digest);
  });

  it("has local sources of their own for each marshalling, unless the id is given", () => {
    const local = llb.local("context");
    const once = () => llb.marshal(local, { platform: "linux/amd64" }).head;
    expect(once()).not.toBe(once());
    expect(marshalled(local).head).toBe(marshalled(local).head);
  });

  it("has maps in the order of the bytes of their keys", () => {
    const attrs = { "10": "a", "9": "b", "\u{1f600}": "c", "\uff5e": "d", "": "e" };
    const [bytes = new Uint8Array()] = marshalled(llb.source("x://", { attrs })).ops;
    const text = new TextDecoder("latin1").decode(bytes);
    const order = ["e", "a", "b", "d", "c"].map((value) => text.indexOf(`\x12\x01${value}`));
    expect(order).toEqual([...order].sort((a, b) => a - b));
    const { op } = fromBinary(OpSchema, bytes);
    expect(op.case === "source" && op.value.attrs).toEqual(attrs);
  });

  it("holds numbers of any size", () => {
    const limits = [
      0,
      1,
      127,
      128,
      2 ** 31,
      2 ** 53 - 1,
      -1,
      -128,
      -(2 ** 31),
      -(2 ** 40),
      2n ** 63n - 1n,
      -(2n ** 63n),
    ];
    const state = limits
      .reduce<llb.State>((next, soft) => next.ulimit({ name: "core", soft, hard: 0 }), alpine)
      .run(["x"]);
    const { op } = fromBinary(OpSchema, marshalled(state).ops[1] ?? new Uint8Array());
    expect(op.case === "exec" && op.value.meta?.ulimit.map(({ Soft }) => Soft)).toEqual(limits.map(BigInt));
    expect(marshalled(state).vertices[1]?.op.exec?.meta?.ulimits?.map(({ soft = 0 }) => soft)).toEqual(
      limits,
    );
  });

  it("holds long texts and messages", () => {
    for (const length of [127, 128, 16_383, 16_384, 70_000, 2_100_000]) {
      const state = alpine.run(["x".repeat(length), "é".repeat(length)]);
      const { op } = fromBinary(OpSchema, marshalled(state).ops[1] ?? new Uint8Array());
      expect(op.case === "exec" && op.value.meta?.args.map((arg) => arg.length)).toEqual([length, length]);
    }
  });

  it("tells a daemon that cannot set PATH what it is", () => {
    const env = (caps: readonly string[], state = alpine) =>
      llb.marshal(state.run(["x"]), { ...options, caps }).vertices.at(-2)?.op.exec?.meta?.env;
    expect(env([])).toEqual(["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]);
    expect(env([], alpine.env("PATH", "/bin"))).toEqual(["PATH=/bin"]);
    expect(env(llb.capabilities)).toBeUndefined();
  });
});

describe("large graphs", { timeout: 120_000 }, () => {
  it("may be 100,000 steps deep", () => {
    let state = alpine;
    for (let step = 0; step < 100_000; step++) {
      state = state.file(llb.mkdir(`/${step}`));
    }
    const definition = marshalled(state);
    expect(definition.ops).toHaveLength(100_002);
    expect(marshalled(llb.fromDefinition(definition)).digest).toBe(definition.digest);
  });

  it("may have 20,000 inputs on one op", () => {
    const actions = Array.from({ length: 20_000 }, (_, at) =>
      llb.copy(llb.image(`image${at % 5_000}`), "/a", `/${at}`),
    );
    const [file] = marshalled(llb.scratch().file(actions)).vertices.slice(-2);
    expect(file?.op.inputs).toHaveLength(5_000);
    expect(file?.op.file?.actions).toHaveLength(20_000);
  });

  it("are walked once however often a state is used", () => {
    let state = alpine;
    for (let level = 0; level < 60; level++) {
      state = llb.merge([state.run([`${level}`]), state.file(llb.mkdir(`/${level}`)), state]);
    }
    expect(marshalled(state).ops).toHaveLength(60 * 3 + 2);
  });
});
