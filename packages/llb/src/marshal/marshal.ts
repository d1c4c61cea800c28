import { sha256 } from "#sha256";
import { noConstraints } from "../constraints.ts";
import { Definition } from "../definition.ts";
import { LlbError } from "../error.ts";
import { mergeMetadata } from "../metadata.ts";
import type { SourceLocation } from "../source-map.ts";
import type { State } from "../state.ts";
import type { ImportedVertex, Output, Vertex } from "../vertex.ts";
import type { OpMetadata } from "../wire/definition.ts";
import { encode } from "../wire/message.ts";
import { type Op, type OpInput, opMessage } from "../wire/op.ts";
import { MalformedTextError, Writer } from "../wire/writer.ts";
import { type Base, baseOf, type MarshalOptions } from "./base.ts";
import { opOf, visitsOf } from "./op-of.ts";
import { describeSources } from "./sources.ts";

/**
 * Writes the graph behind a state as the definition that a daemon solves: every vertex once, after its inputs. An empty
 * filesystem has an empty definition.
 *
 * @throws LlbError with reason `unresolved` for a state that waits for something, `text` for a text without UTF-8 form
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
  readonly #digests = new Map<Vertex, string>();
  /** In the order of the definition. */
  readonly #marshalled = new Map<string, MarshalledVertex>();
  /** The metadata of vertices that say nothing of their own, by their capabilities: most of these lists are shared. */
  readonly #common = new Map<readonly string[], OpMetadata>();

  #hasSources = false;

  constructor(base: Base) {
    this.#base = base;
  }

  /** Visits a vertex after all that it reads; without recursion, because graphs are deep. */
  walk(root: Vertex): void {
    const stack: Visit[] = [visitOf(root)];
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      if (top.next < top.below.length) {
        const vertex = top.below[top.next++]?.vertex;
        if (vertex !== undefined && !this.#digests.has(vertex)) {
          stack.push(visitOf(vertex));
        }
      } else {
        stack.pop();
        this.#add(top.vertex);
      }
    }
  }

  /** The definition, ended by the op that names the output. */
  finish(output: Output): Definition {
    const vertices = [...this.#marshalled.values()];
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
      this.#record(vertex, vertex);
      return;
    }
    const { metadata, locations } = vertex.constraints;
    this.#hasSources ||= locations.length > 0;
    const { op, caps } = opOf(vertex, this.#base, this.#inputOf);
    const { digest, bytes } = this.#encode(op, vertex);
    this.#record(vertex, { digest, bytes, metadata: this.#metadataOf(metadata, caps), locations });
  }

  /** Notes what a vertex became. One that came out like another before it adds to what is known about that. */
  #record(vertex: Vertex, { digest, bytes, metadata, locations }: MarshalledVertex): void {
    const same = this.#marshalled.get(digest);
    if (same === undefined) {
      this.#digests.set(vertex, digest);
      this.#marshalled.set(digest, { digest, bytes, metadata, locations });
    } else {
      this.#digests.set(vertex, same.digest);
      same.metadata = mergeMetadata(same.metadata, metadata);
      same.locations = [...same.locations, ...locations];
    }
  }

  /** The metadata for the whole graph, then those of the vertex, then its capabilities; equal ones are shared. */
  #metadataOf(own: OpMetadata, caps: readonly string[]): OpMetadata {
    if (own !== noConstraints.metadata) {
      return { ...mergeMetadata(this.#base.metadata, own), caps: new Set(caps) };
    }
    const known = this.#common.get(caps) ?? { ...this.#base.metadata, caps: new Set(caps) };
    this.#common.set(caps, known);
    return known;
  }

  readonly #inputOf = (output: Output): OpInput => {
    const digest = this.#digests.get(output.vertex);
    return digest === undefined ? { index: output.index } : { digest, index: output.index };
  };

  #encode(
    op: Op,
    vertex?: Exclude<Vertex, ImportedVertex>,
  ): { readonly digest: string; readonly bytes: Uint8Array } {
    try {
      encode(this.#writer, opMessage, op);
    } catch (cause) {
      if (cause instanceof MalformedTextError) {
        throw new LlbError(cause.message, { reason: "text", value: cause.text, site: vertex?.site });
      }
      throw cause;
    }
    const bytes = this.#writer.finish();
    return { digest: `sha256:${sha256.hex(bytes)}`, bytes };
  }
}

/** A vertex whose inputs are being visited. */
interface Visit {
  readonly vertex: Vertex;
  readonly below: readonly (Output | undefined)[];
  next: number;
}

function visitOf(vertex: Vertex): Visit {
  return { vertex, below: visitsOf(vertex), next: 0 };
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
