import { sha256 } from "#sha256";
import { noConstraints } from "../constraints.ts";
import { Definition } from "../definition.ts";
import { mergeMetadata } from "../metadata.ts";
import type { SourceLocation } from "../source-map.ts";
import type { State } from "../state.ts";
import type { Output, Vertex } from "../vertex.ts";
import type { OpMetadata } from "../wire/definition.ts";
import { encode } from "../wire/message.ts";
import { type Op, type OpInput, opMessage } from "../wire/op.ts";
import { Writer } from "../wire/writer.ts";
import { type Base, baseOf, type MarshalOptions } from "./base.ts";
import { opOf } from "./op-of.ts";
import { describeSources } from "./sources.ts";
import { pushVisits } from "./visits.ts";

/**
 * Writes the graph behind a state as the definition that a daemon solves: every vertex once, after its inputs. An empty
 * filesystem has an empty definition.
 *
 * @throws LlbError with reason `unresolved` for a state that waits for something
 */
export function marshal(state: State, options: MarshalOptions): Definition {
  return marshalWith(state, baseOf(options, marshal));
}

function marshalWith(state: State, base: Base): Definition {
  const { output } = state;
  if (output === undefined) {
    return Definition.empty;
  }
  const marshaller = new Marshaller(base);
  marshaller.walk(output.vertex);
  return marshaller.finish(output);
}

/** What a vertex became. */
export interface MarshalledVertex {
  readonly digest: string;
  readonly bytes: Uint8Array;
  metadata: OpMetadata;
  locations: readonly SourceLocation[];
}

class Marshaller {
  readonly #base: Base;
  readonly #writer = new Writer();
  readonly #marshalled = new Map<Vertex, MarshalledVertex>();
  /** The same without repetition, in the order of the definition. */
  readonly #byDigest = new Map<string, MarshalledVertex>();
  /** The metadata of vertices that say nothing of their own, by their capabilities: most of these lists are shared. */
  readonly #common = new Map<readonly string[], OpMetadata>();

  #hasSources = false;

  constructor(base: Base) {
    this.#base = base;
  }

  /** Visits a vertex after all that it reads; without recursion, because graphs are deep. */
  walk(root: Vertex): void {
    const stack: (Vertex | typeof readAll)[] = [root];
    for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
      if (top === readAll) {
        this.#add(stack.pop() as Vertex);
      } else if (!this.#marshalled.has(top)) {
        stack.push(top, readAll);
        const first = stack.length;
        pushVisits(top, stack);
        reverseFrom(stack, first);
      }
    }
  }

  /** The definition, ended by the op that names the output. */
  finish(output: Output): Definition {
    const vertices = [...this.#byDigest.values()];
    const terminal = {
      ...this.#encode({ inputs: [this.#inputOf(output)] }),
      metadata: { caps: terminalCaps(vertices) },
    };
    const all = [...vertices, terminal];
    const definition = new Definition(
      all.map(({ bytes }) => bytes),
      () => ({
        metadata: new Map(all.map(({ digest, metadata }) => [digest, metadata])),
        source: describeSources(vertices, ({ state }) =>
          state === undefined ? undefined : marshalWith(state, this.#base).toWire(),
        ),
      }),
      all.map(({ digest }) => digest),
    );
    if (this.#hasSources) {
      // Source files may have graphs of their own, whose errors belong here.
      void definition.source;
    }
    return definition;
  }

  #add(vertex: Vertex): void {
    if (vertex.kind === "imported") {
      const { digest, bytes, metadata, locations } = vertex;
      this.#record(vertex, { digest, bytes, metadata, locations });
      return;
    }
    const { metadata, locations } = vertex.constraints;
    this.#hasSources ||= locations.length > 0;
    const { op, caps } = opOf(vertex, this.#base, this.#inputOf);
    const { digest, bytes } = this.#encode(op);
    this.#record(vertex, { digest, bytes, metadata: this.#metadataOf(metadata, caps), locations });
  }

  /** Notes what a vertex became. One that came out like another before it adds to what is known about that. */
  #record(vertex: Vertex, made: MarshalledVertex): void {
    const same = this.#byDigest.get(made.digest);
    if (same === undefined) {
      this.#marshalled.set(vertex, made);
      this.#byDigest.set(made.digest, made);
    } else {
      this.#marshalled.set(vertex, same);
      same.metadata = mergeMetadata(same.metadata, made.metadata);
      same.locations = [...same.locations, ...made.locations];
    }
  }

  /** The metadata for the whole graph, then those of the vertex, then its capabilities; equal ones are shared. */
  #metadataOf(own: OpMetadata, caps: readonly string[]): OpMetadata {
    if (own !== noConstraints.metadata) {
      return { ...mergeMetadata(this.#base.metadata, own), caps: new Set(caps) };
    }
    const known = this.#common.get(caps);
    if (known !== undefined) {
      return known;
    }
    const metadata = { ...this.#base.metadata, caps: new Set(caps) };
    this.#common.set(caps, metadata);
    return metadata;
  }

  readonly #inputOf = (output: Output): OpInput => {
    const digest = this.#marshalled.get(output.vertex)?.digest;
    return digest === undefined ? { index: output.index } : { digest, index: output.index };
  };

  #encode(op: Op): { readonly digest: string; readonly bytes: Uint8Array } {
    encode(this.#writer, opMessage, op);
    const bytes = this.#writer.finish();
    return { digest: `sha256:${sha256.hex(bytes)}`, bytes };
  }
}

/** Stands on the stack of a walk above a vertex all of whose inputs have been pushed. */
const readAll = "read all";

function reverseFrom(stack: unknown[], first: number): void {
  for (let low = first, high = stack.length - 1; low < high; low++, high--) {
    [stack[low], stack[high]] = [stack[high], stack[low]];
  }
}

/** What a daemon must know to read the metadata of a graph. */
function terminalCaps(vertices: readonly MarshalledVertex[]): ReadonlySet<string> {
  const some = (applies: (metadata: OpMetadata) => boolean) =>
    vertices.some(({ metadata }) => applies(metadata));
  return new Set([
    "constraints",
    "platform",
    ...(some(({ ignoreCache }) => ignoreCache === true) ? ["meta.ignorecache"] : []),
    ...(some(({ description }) => description !== undefined) ? ["meta.description"] : []),
    ...(some(({ exportCache }) => exportCache !== undefined) ? ["meta.exportcache"] : []),
  ]);
}
