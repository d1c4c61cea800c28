import { sha256 } from "#sha256";
import { Definition } from "../definition.ts";
import { LlbError } from "../error.ts";
import { mergeMetadata } from "../metadata.ts";
import type { State } from "../state.ts";
import type { Output, Vertex } from "../vertex.ts";
import type { OpMetadata } from "../wire/definition.ts";
import { encode } from "../wire/message.ts";
import { type Op, type OpInput, opMessage } from "../wire/op.ts";
import { MalformedTextError, Writer } from "../wire/writer.ts";
import { type Base, baseOf, type MarshalOptions } from "./base.ts";
import { opOf, visitsOf } from "./op-of.ts";
import { SourceCollector } from "./sources.ts";

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

class Marshaller {
  readonly #base: Base;
  readonly #writer = new Writer();
  readonly #sources = new SourceCollector();
  readonly #digests = new Map<Vertex, string>();
  readonly #ops: Uint8Array[] = [];
  readonly #metadata = new Map<string, OpMetadata>();

  constructor(base: Base) {
    this.#base = base;
  }

  /** Visits a vertex after all that it reads; without recursion, because graphs are deep. */
  walk(root: Vertex): void {
    const stack: {
      readonly vertex: Vertex;
      readonly visits: readonly (Output | undefined)[];
      next: number;
    }[] = [{ vertex: root, visits: visitsOf(root), next: 0 }];
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      if (top.next < top.visits.length) {
        const vertex = top.visits[top.next++]?.vertex;
        if (vertex !== undefined && !this.#digests.has(vertex)) {
          stack.push({ vertex, visits: visitsOf(vertex), next: 0 });
        }
      } else {
        stack.pop();
        if (!this.#digests.has(top.vertex)) {
          this.#add(top.vertex);
        }
      }
    }
  }

  /** The definition, ended by the op that names the output. */
  finish(output: Output): Definition {
    const terminal = this.#encode({ inputs: [this.#inputOf(output)] });
    const all = [...this.#metadata.values()];
    const caps = new Set(["constraints", "platform"]);
    if (all.some(({ ignoreCache }) => ignoreCache === true)) {
      caps.add("meta.ignorecache");
    }
    if (all.some(({ description }) => description !== undefined)) {
      caps.add("meta.description");
    }
    if (all.some(({ exportCache }) => exportCache !== undefined)) {
      caps.add("meta.exportcache");
    }
    this.#ops.push(terminal.bytes);
    this.#metadata.set(terminal.digest, { caps });
    return new Definition({
      def: this.#ops,
      metadata: this.#metadata,
      source: this.#sources.finish(({ state }) =>
        state === undefined ? undefined : marshalWith(state, this.#base).wire,
      ),
    });
  }

  #add(vertex: Vertex): void {
    if (vertex.kind === "imported") {
      this.#record(vertex, vertex.digest, vertex.bytes, vertex.metadata);
      this.#sources.add(vertex.digest, vertex.locations);
      return;
    }
    const { constraints } = vertex;
    const { op, caps } = opOf(vertex, this.#base, this.#inputOf);
    const { digest, bytes } = this.#encode(op, vertex);
    const own = mergeMetadata(this.#base.metadata, constraints.metadata);
    this.#record(vertex, digest, bytes, { ...own, caps: new Set(caps) });
    this.#sources.add(digest, constraints.locations);
  }

  #record(vertex: Vertex, digest: string, bytes: Uint8Array, metadata: OpMetadata): void {
    this.#digests.set(vertex, digest);
    const before = this.#metadata.get(digest);
    if (before === undefined) {
      this.#ops.push(bytes);
    }
    this.#metadata.set(digest, before === undefined ? metadata : mergeMetadata(before, metadata));
  }

  readonly #inputOf = (output: Output): OpInput => {
    const digest = this.#digests.get(output.vertex);
    return digest === undefined ? { index: output.index } : { digest, index: output.index };
  };

  #encode(
    op: Op,
    vertex?: Exclude<Vertex, { kind: "imported" }>,
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
