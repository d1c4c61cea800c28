import type { Platform } from "@buildkit-node/oci";
import { Definition } from "./definition.ts";
import { LlbError } from "./error.ts";
import { type LocationRange, type SourceLocation, type SourceMap, sourceMap } from "./source-map.ts";
import { fresh, type State } from "./state.ts";
import type { ImportedVertex, Output } from "./vertex.ts";
import type { DefinitionLocation, DefinitionRange } from "./wire/definition.ts";
import type { Op, OpInput, OpPlatform } from "./wire/op.ts";

/**
 * A state from a definition, to build on. Its ops stay as they are, byte for byte.
 *
 * @throws LlbError with reason `definition` for an empty definition, or one that does not hang together
 */
export function fromDefinition(
  definition: Definition,
  options: {
    /** Whether the state takes over the platform of the definition's head. Default: true. */
    readonly inheritPlatform?: boolean;
  } = {},
): State {
  const terminal = definition.vertices.at(-1);
  if (terminal === undefined) {
    throw broken("the definition is empty: there is nothing to build on; use scratch()", definition);
  }
  const head = terminal.op.inputs?.[0];
  if (head === undefined) {
    throw broken("the last op of the definition names no output", terminal.digest);
  }
  const output = new Importer(definition).output(head);
  return fresh(options.inheritPlatform === false ? { vertex: output.vertex, index: output.index } : output);
}

/** Makes vertices from ops: one for each output that is used, as Go does. */
class Importer {
  readonly #ops: ReadonlyMap<string, { readonly op: Op; readonly bytes: Uint8Array }>;
  readonly #definition: Definition;
  readonly #locations: ReadonlyMap<string, readonly SourceLocation[]>;
  readonly #made = new Map<string, ImportedVertex>();

  constructor(definition: Definition) {
    this.#definition = definition;
    this.#ops = new Map(definition.vertices.map(({ digest, op, bytes }) => [digest, { op, bytes }]));
    this.#locations = locationsOf(definition);
  }

  /** The output that an input names; what it reads is made first, without recursion. */
  output(head: OpInput): Output {
    const stack = [head];
    for (let input = stack.at(-1); input !== undefined; input = stack.at(-1)) {
      const missing = this.#opOf(input).inputs?.filter((below) => !this.#made.has(keyOf(below))) ?? [];
      if (missing.length > 0) {
        stack.push(...missing.toReversed());
      } else {
        this.#make(input);
        stack.pop();
      }
    }
    return this.#outputOf(head, this.#opOf(head).platform);
  }

  #make(input: OpInput): void {
    const digest = input.digest ?? "";
    const key = keyOf(input);
    const known = this.#ops.get(digest);
    const metadata = this.#definition.metadata.get(digest);
    if (known === undefined || metadata === undefined) {
      throw broken(`op ${digest} has no metadata in the definition`, digest);
    }
    if (this.#made.has(key)) {
      return;
    }
    const { op, bytes } = known;
    const wireInputs = op.inputs ?? [];
    const vertex: ImportedVertex = Object.freeze({
      kind: "imported",
      digest,
      bytes,
      inputs: wireInputs.map((below) => this.#outputOf(below, op.platform)),
      metadata,
      locations: this.#locations.get(digest) ?? [],
    });
    this.#made.set(key, vertex);
  }

  #outputOf(input: OpInput, platform: OpPlatform | undefined): Output {
    const vertex = this.#made.get(keyOf(input));
    if (vertex === undefined) {
      throw broken(`op ${input.digest} is not in the definition`, input.digest);
    }
    const index = Number(input.index ?? 0);
    return Object.freeze({
      vertex,
      index,
      ...(platform !== undefined && { platform: platformOf(platform) }),
    });
  }

  #opOf(input: OpInput): Op {
    const known = this.#ops.get(input.digest ?? "");
    if (known === undefined) {
      throw broken(`op ${input.digest ?? "without digest"} is not in the definition`, input.digest);
    }
    if ((input.index ?? 0) < 0) {
      throw broken(`output ${input.index} of op ${input.digest} cannot be`, input.index);
    }
    return known.op;
  }
}

function keyOf(input: OpInput): string {
  return `${input.digest}/${input.index ?? 0}`;
}

function platformOf({ os = "", architecture = "", ...rest }: OpPlatform): Platform {
  return { os, architecture, ...rest };
}

function locationsOf(definition: Definition): ReadonlyMap<string, readonly SourceLocation[]> {
  const maps: readonly SourceMap[] = (definition.source?.infos ?? []).map((info) => {
    const { filename = "", language = "", data = new Uint8Array(), definition: nested } = info;
    const state = nested === undefined ? undefined : fromDefinition(Definition.fromWire(nested));
    return sourceMap({ filename, language, data, ...(state !== undefined && { state }) });
  });
  const locationOf = ({ sourceIndex = 0, ranges = [] }: DefinitionLocation): SourceLocation => {
    const map = maps[Number(sourceIndex)];
    if (map === undefined) {
      throw broken(`the definition has no source file ${sourceIndex}`, sourceIndex);
    }
    return map.location(...ranges.map(rangeOf));
  };
  return new Map(
    [...(definition.source?.locations ?? [])].map(([digest, { locations = [] }]) => [
      digest,
      locations.map(locationOf),
    ]),
  );
}

function rangeOf({ start, end }: DefinitionRange): LocationRange {
  const position = (at: DefinitionRange["start"]) => ({
    line: Number(at?.line ?? 0),
    character: Number(at?.character ?? 0),
  });
  return end === undefined ? { start: position(start) } : { start: position(start), end: position(end) };
}

function broken(message: string, value: unknown): LlbError {
  return new LlbError(message, { reason: "definition", value });
}
