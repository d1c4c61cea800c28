import { fromBinary, toBinary } from "@bufbuild/protobuf";
import * as llb from "@buildkit-node/llb";
import { DefinitionSchema, OpSchema } from "@buildkit-node/proto/pb";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { graphs, marshalled, states } from "./support/graphs.ts";

fc.configureGlobal({ numRuns: 40 });

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

  it("is the same when it is written, read and marshalled again", () => {
    fc.assert(
      fc.property(states, (state) => {
        const once = marshalled(state);
        fc.pre(!once.isEmpty);
        const read = llb.Definition.fromBytes(once.toBytes());
        expect(read.toBytes()).toEqual(once.toBytes());
        const again = marshalled(llb.fromDefinition(read));
        expect(again.digests).toEqual(once.digests);
        expect(llb.toJSON(again)).toEqual(llb.toJSON(once));
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
