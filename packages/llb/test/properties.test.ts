import { type DescMessage, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { isReflectMessage, type ReflectList, reflect } from "@bufbuild/protobuf/reflect";
import * as llb from "@buildkit-node/llb";
import { DefinitionSchema, OpSchema } from "@buildkit-node/proto/pb";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { graphs, marshalled, states } from "./support/graphs.ts";

/** The fields of a message and of those below it, as `Message.field`. */
function* fieldsBelow(schema: DescMessage, seen: Set<DescMessage> = new Set()): Iterable<string> {
  if (seen.has(schema)) return;
  seen.add(schema);
  for (const field of schema.fields) {
    yield `${schema.name}.${field.name}`;
    if (field.message !== undefined) yield* fieldsBelow(field.message, seen);
  }
}

/** Takes the fields that a message has from a set of names. */
function markSeen(schema: DescMessage, message: Message, unseen: Set<string>): void {
  const content = reflect(schema, message);
  for (const field of schema.fields) {
    if (!content.isSet(field)) continue;
    unseen.delete(`${schema.name}.${field.name}`);
    const value = content.get(field);
    const below: Iterable<unknown> =
      field.fieldKind === "message"
        ? [value]
        : field.fieldKind === "list" || field.fieldKind === "map"
          ? (value as ReflectList).values()
          : [];
    for (const item of below) {
      if (isReflectMessage(item)) markSeen(item.desc, item.message, unseen);
    }
  }
}

fc.configureGlobal({ numRuns: 40 });

describe("the graphs of these tests", () => {
  /** Zero wherever there is one, of use to the daemon alone, or long gone. */
  const neverSet = ["LowerDiffInput.input", "BuildInput.input", "Mount.resultID", "BuildOp.def"];
  /** What the builder, as that of Go, asks for by no capability. */
  const neverAsked =
    /^(cache|exporter|gc|history|source\.policy|file\.(rm|copy|symlink)|exec\.cgroup$)|subdir$|git\.signatureverify|cgroup\.parent|network\.proxy|devices\.v1|removemountstubs|nooutput|setsdefaultpath/;

  it("have every kind of op, every field and every capability", () => {
    const unseen = new Set([...fieldsBelow(DefinitionSchema), ...fieldsBelow(OpSchema)]);
    const capabilities = new Set<string>();
    for (const state of fc.sample(states, { numRuns: 400, seed: 1 })) {
      const definition = marshalled(state);
      markSeen(DefinitionSchema, fromBinary(DefinitionSchema, definition.toBytes()), unseen);
      for (const bytes of definition.ops) {
        markSeen(OpSchema, fromBinary(OpSchema, bytes), unseen);
      }
      for (const cap of definition.caps) {
        capabilities.add(cap);
      }
    }
    expect([...unseen].sort()).toEqual([...neverSet].sort());
    expect(llb.capabilities.filter((cap) => !capabilities.has(cap) && !neverAsked.test(cap))).toEqual([]);
  });
});

interface JsonGraph {
  readonly vertices: readonly {
    readonly digest: string;
    readonly locations?: readonly { readonly sourceIndex?: number }[];
  }[];
  readonly files?: readonly unknown[];
}

/** What a definition says of each op, by its digest: independent of the order of ops and files. */
function byDigest(definition: llb.Definition): ReadonlyMap<string, unknown> {
  const { vertices, files = [] } = llb.toJSON(definition) as unknown as JsonGraph;
  return new Map(
    vertices.map(({ digest, locations = [], ...rest }) => {
      const places = locations.map(({ sourceIndex = 0, ...place }) => ({
        ...place,
        file: files[sourceIndex],
      }));
      return [digest, { ...rest, places }];
    }),
  );
}

describe("any graph", () => {
  it("marshals to the same bytes every time", () => {
    fc.assert(
      fc.property(states, (state) => {
        expect(marshalled(state).toBytes()).toEqual(marshalled(state).toBytes());
      }),
    );
  });

  it("is not changed by what is built on it", () => {
    fc.assert(
      fc.property(graphs, (all) => {
        const before = all.map((state) => marshalled(state).toBytes());
        for (const state of all) {
          state
            .env("NEW", "1")
            .dir("new")
            .run(["new"], { mounts: [llb.cache("/new")], env: { MORE: "1" } });
          state.file(llb.mkdir("/new")).user("new");
          llb.merge([...all, state]);
        }
        expect(all.map((state) => marshalled(state).toBytes())).toEqual(before);
      }),
    );
  });

  // But for the order of the ops: the last action of a file step is walked first, and once read it is only inputs in their order.
  it("is the same when it is written, read and marshalled again", () => {
    fc.assert(
      fc.property(states, (state) => {
        const once = marshalled(state);
        fc.pre(!once.isEmpty);
        const read = llb.Definition.fromBytes(once.toBytes());
        expect(read.toBytes()).toEqual(once.toBytes());
        const again = marshalled(llb.fromDefinition(read));
        expect(again.digests.at(-1)).toBe(once.digests.at(-1));
        expect(byDigest(again)).toEqual(byDigest(once));
      }),
    );
  });

  it("puts each op after all that it reads, and each only once", () => {
    fc.assert(
      fc.property(states, (state) => {
        const seen = new Set<string>();
        for (const { digest, op } of marshalled(state).vertices) {
          expect(seen.has(digest)).toBe(false);
          for (const input of op.inputs ?? []) {
            expect(seen).toContain(input.digest);
          }
          seen.add(digest);
        }
      }),
    );
  });

  it("is read by the generated code, and has nothing that it does not know", () => {
    fc.assert(
      fc.property(states, (state) => {
        const definition = marshalled(state);
        const message = fromBinary(DefinitionSchema, definition.toBytes());
        expect(toBinary(DefinitionSchema, message).length).toBe(definition.toBytes().length);
        for (const bytes of definition.ops) {
          const op = fromBinary(OpSchema, bytes);
          expect(op.$unknown).toBeUndefined();
          expect(toBinary(OpSchema, op).length).toBe(bytes.length);
        }
      }),
    );
  });

  it("goes through JSON unchanged, and the JSON is plain", () => {
    fc.assert(
      fc.property(states, (state) => {
        const definition = marshalled(state);
        const json = llb.toJSON(definition);
        const text = JSON.stringify(json);
        expect(JSON.parse(text)).toEqual(json);
        expect(llb.fromJSON(text).toBytes()).toEqual(definition.toBytes());
        expect(llb.toJSON(llb.fromJSON(json))).toEqual(json);
      }),
    );
  });

  it("has no difference to itself, and one to a graph with one more step", () => {
    fc.assert(
      fc.property(states, (state) => {
        const definition = marshalled(state);
        expect(llb.diffDefinitions(definition, marshalled(state))).toEqual({ vertices: [], isEmpty: true });
        const longer = marshalled(state.run(["one more step"]));
        expect(llb.diffDefinitions(definition, longer).isEmpty).toBe(false);
        expect(llb.diffDefinitions(longer, definition).isEmpty).toBe(false);
      }),
    );
  });

  it("has a picture that is well formed", () => {
    const dotLine = /^ {2}n\d+(?: -> n\d+)?(?: \[(?:shape=\w+, )?label="(?:[^"\\\n]|\\["\\])*"\])?;$/;
    const mermaidNode = /^ {2}n\d+[([{/]+"[^"]+"[)\]}/]+$/;
    const mermaidEdge = /^ {2}n\d+ -->(?:\|"[^"]+"\|)? n\d+$/;
    fc.assert(
      fc.property(states, (state) => {
        const definition = marshalled(state);
        const [open, ...dot] = llb.toDot(definition).split("\n");
        expect([open, ...dot.splice(-2)]).toEqual(["digraph llb {", "}", ""]);
        for (const line of dot) {
          expect(line).toMatch(dotLine);
        }
        const [head, ...mermaid] = llb.toMermaid(definition).split("\n");
        expect([head, mermaid.pop()]).toEqual(["flowchart TD", ""]);
        for (const line of mermaid) {
          expect(mermaidNode.test(line) || mermaidEdge.test(line) ? "" : line).toBe("");
        }
        const nodes = (lines: readonly string[], pattern: RegExp) =>
          lines.filter((line) => pattern.test(line)).length;
        expect(nodes(dot, /shape=/)).toBe(definition.ops.length);
        expect(nodes(mermaid, mermaidNode)).toBe(definition.ops.length);
      }),
    );
  });
});
