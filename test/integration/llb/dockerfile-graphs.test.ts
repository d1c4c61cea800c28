import { readdirSync, readFileSync } from "node:fs";
import { fromBinary, fromJson, type JsonObject, type JsonValue, toBinary } from "@bufbuild/protobuf";
import { type Client, connect, hasCapability } from "@buildkit-node/control";
import type { FrontendRequest, Result } from "@buildkit-node/gateway";
import {
  Definition,
  diffDefinitions,
  fromDefinition,
  fromJSON,
  local,
  marshal,
  mkfile,
  scratch,
  toDot,
  toJSON,
  toMermaid,
} from "@buildkit-node/llb";
import { OpSchema } from "@buildkit-node/proto/pb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { layeredImage, pushImage } from "../../support/layered-image.ts";
import { type Registry, startRegistry } from "../../support/registry.ts";
import { describeEachDaemon } from "../../support/ways.ts";

const folder = new URL("dockerfiles/", import.meta.url);
const dockerfiles = readdirSync(folder).map((name) => ({
  name: name.replace(".Dockerfile", ""),
  text: readFileSync(new URL(name, folder), "utf8"),
}));

let registry: Registry;
beforeAll(async () => {
  registry = await startRegistry();
  await pushImage(registry, "base", "1", layeredImage("base"));
});
afterAll(() => registry?.[Symbol.asyncDispose]());

describeEachDaemon("the graph of a Dockerfile", ({ address }) => {
  let client: Client;
  beforeAll(async () => {
    client = await connect(address);
  });
  afterAll(() => client?.close());

  /** What the daemon's Dockerfile frontend gives; nothing is built. */
  async function ask<T>(
    dockerfile: string,
    options: Readonly<Record<string, string>>,
    read: (result: Result) => T,
  ): Promise<T> {
    const answers: T[] = [];
    const request: FrontendRequest = {
      frontend: "dockerfile.v0",
      options: { "build-arg:BASE": `${registry.host}/base:1`, ...options },
      inputs: {
        context: local("context", { sessionId: "context" }),
        dockerfile: scratch().file(mkfile("/Dockerfile", dockerfile)),
      },
    };
    await client.build(async (gateway) => {
      answers.push(read(await gateway.solveFrontend(request)));
    });
    return answers[0] as T;
  }

  const graphOf = (dockerfile: string, options: Readonly<Record<string, string>> = {}): Promise<Definition> =>
    ask(dockerfile, options, ({ ref }) => {
      if (ref === undefined) throw new Error("the frontend gave no result");
      return marshal(ref.toState(), { platform: "linux/amd64" });
    });

  describe.each(dockerfiles)("$name", ({ text }) => {
    it.each(["linux/amd64", "linux/arm64"])(
      "parses, is written again, drawn and compared for %s",
      async (platform) => {
        const graph = await graphOf(text, { platform });
        // The order of fields in an op changed with BuildKit 0.17; this came with 0.18.
        const isOld = !hasCapability(await client.capabilities(), "source.local.metadatatransfer");
        checkGraph(graph, isOld ? "as of old" : "as here");
        const other = await graphOf(`${text}RUN more\n`, { platform });
        expect(diffDefinitions(graph, other).isEmpty).toBe(false);
      },
    );

    it("has the digests that the frontend tells", async (context) => {
      const options = { platform: "linux/arm64", requestid: "frontend.convertllb" };
      const told = await ask(text, options, ({ metadata }) => metadata.get("result.json")).catch(unsupported);
      if (told === undefined)
        return context.skip("the daemon's Dockerfile frontend lacks frontend.convertllb");
      checkGraph(definitionOf(JSON.parse(Buffer.from(told).toString())));
    });
  });

  it("tells what a changed argument changes", async () => {
    const { text } = dockerfiles.find(({ name }) => name === "04-heredocs") ?? { text: "" };
    const [one, two] = [await graphOf(text), await graphOf(text, { "build-arg:VERSION": "2" })];
    const changed = diffDefinitions(one, two).vertices.filter(
      (vertex) => vertex.kind === "changed" && vertex.isOwnChange,
    );
    const fields = changed.flatMap((vertex) => (vertex.kind === "changed" ? vertex.fields : []));
    const version = { path: "op.exec.meta.env[2]", before: "VERSION=1", after: "VERSION=2" };
    const path = "op.file.actions[0].mkfile.data.text";
    expect(fields).toEqual([
      { path, before: "Welcome to version 1.\n", after: "Welcome to version 2.\n" },
      version,
      version,
    ]);
  });
});

/** Every op is understood to the last field, and written again byte for byte. */
function checkGraph(graph: Definition, written: "as here" | "as of old" = "as here"): void {
  const json = toJSON(graph);
  expect(json["vertices"]).toHaveLength(graph.ops.length);
  const others = (json["vertices"] as readonly JsonObject[]).filter((vertex) => "bytes" in vertex);
  expect(others.length > 0).toBe(written === "as of old");
  const copies = [
    fromJSON(JSON.stringify(json)),
    Definition.fromBytes(graph.toBytes()),
    marshal(fromDefinition(graph), { platform: "linux/s390x" }),
  ];
  for (const copy of copies) {
    expect(copy.digests.toSorted()).toEqual(graph.digests.toSorted());
    expect(copy.digest).toBe(graph.digest);
    expect(diffDefinitions(graph, copy)).toMatchObject({ isEmpty: true });
  }
  const nodes = (picture: string) =>
    picture
      .split("\n")
      .filter((line) => /^ {2}n\d+[ [({/>]/.test(line) && !line.includes("-->") && !line.includes("->"));
  expect(nodes(toDot(graph))).toHaveLength(graph.ops.length);
  expect(nodes(toMermaid(graph))).toHaveLength(graph.ops.length);
}

interface ToldMetadata {
  readonly caps?: Readonly<Record<string, boolean>>;
  readonly description?: Readonly<Record<string, string>>;
}

/** A definition from what the frontend tells: ops in Go's JSON by digest, and what is known of them. */
function definitionOf(told: {
  readonly def: Readonly<Record<string, JsonValue>>;
  readonly metadata: Readonly<Record<string, ToldMetadata>>;
}): Definition {
  const bytes = new Map(Object.entries(told.def).map(([digest, op]) => [digest, bytesOf(op)]));
  const inputs = (digest: string) => fromBinary(OpSchema, bytes.get(digest) ?? new Uint8Array()).inputs;
  const ordered = new Set<string>();
  const visit = (digest: string): void => {
    for (const input of inputs(digest)) visit(input.digest);
    ordered.add(digest);
  };
  const read = new Set([...bytes.keys()].flatMap((digest) => inputs(digest).map((input) => input.digest)));
  for (const digest of bytes.keys()) if (!read.has(digest)) visit(digest);
  const definition = Definition.fromWire({
    def: [...ordered].map((digest) => bytes.get(digest) ?? new Uint8Array()),
    metadata: new Map(
      Object.entries(told.metadata).map(([digest, { caps = {}, description = {} }]) => [
        digest,
        { caps: new Set(Object.keys(caps)), description: new Map(Object.entries(description)) },
      ]),
    ),
  });
  expect(definition.digests).toEqual([...ordered]);
  return definition;
}

/** An op as Go writes it: the oneof last, maps in the order of their keys. */
function bytesOf(json: JsonValue): Uint8Array {
  const { op, ...rest } = fromJson(OpSchema, json);
  const { value } = op;
  if (value !== undefined && "attrs" in value) {
    value.attrs = Object.fromEntries(Object.entries(value.attrs).sort(([a], [b]) => (a < b ? -1 : 1)));
  }
  return Buffer.concat([
    toBinary(OpSchema, { ...rest, op: { case: undefined } }),
    toBinary(OpSchema, { ...rest, inputs: [], platform: undefined, constraints: undefined, op } as never),
  ]);
}

/** Older frontends refuse a request that they do not know. */
function unsupported(error: unknown): undefined {
  if (/unsupported|unknown|not supported/i.test(String(error))) return undefined;
  throw error;
}
