import type { Definition, DefinitionVertex } from "../definition.ts";
import { metadataMessage } from "../wire/definition.ts";
import { type Json, jsonObject } from "../wire/json.ts";
import { toJson } from "../wire/message.ts";
import { type OpInput, opMessage } from "../wire/op.ts";
import { kindOf, labelOf } from "./summary.ts";

/** What differs between two definitions. */
export interface DefinitionDiff {
  /**
   * The vertices that are not the same in both, each after those that it reads: the first that changed of itself is the
   * reason why all that rest on it were not found in the cache.
   */
  readonly vertices: readonly VertexDiff[];
  /** Whether nothing differs. */
  readonly isEmpty: boolean;
}

/** What became of one vertex. */
export type VertexDiff =
  | {
      readonly kind: "changed";
      readonly before: VertexName;
      readonly after: VertexName;
      /** What differs in the vertex itself: of its op, or of its metadata, which do not touch the cache. */
      readonly fields: readonly FieldDiff[];
      /** Whether something differs in its op. If not, it only reads something that changed. */
      readonly isOwnChange: boolean;
    }
  | { readonly kind: "added"; readonly after: VertexName }
  | { readonly kind: "removed"; readonly before: VertexName };

/** Which vertex is spoken of. */
export interface VertexName {
  readonly digest: string;
  readonly label: string;
}

/** A value that differs. */
export interface FieldDiff {
  /** Such as `op.exec.meta.args[2]` or `metadata.ignoreCache`. */
  readonly path: string;
  /** Absent where there was nothing. */
  readonly before?: Json;
  /** Absent where there is nothing any more. */
  readonly after?: Json;
}

/**
 * Compares two definitions: which vertices changed, and which fields of them. Vertices are matched from the result
 * downwards, by what reads them: the answer to why a cache was missed.
 */
export function diffDefinitions(before: Definition, after: Definition): DefinitionDiff {
  const old = new Map(before.vertices.map((vertex) => [vertex.digest, vertex]));
  const current = new Map(after.vertices.map((vertex) => [vertex.digest, vertex]));
  const pairs = matchVertices(old, current, before.digest, after.digest);
  const matched = new Set(pairs.values());
  const removed = before.vertices
    .filter(({ digest }) => !current.has(digest) && !matched.has(digest))
    .map((vertex): VertexDiff => ({ kind: "removed", before: nameOf(vertex) }));
  const others = after.vertices.flatMap((vertex): VertexDiff[] => {
    const match = old.get(pairs.get(vertex.digest) ?? vertex.digest);
    if (match === undefined) {
      return [{ kind: "added", after: nameOf(vertex) }];
    }
    const fields = fieldsOf(match, vertex);
    return match.digest === vertex.digest && fields.length === 0
      ? []
      : [
          {
            kind: "changed",
            before: nameOf(match),
            after: nameOf(vertex),
            fields,
            isOwnChange: fields.some(({ path }) => path.startsWith("op")),
          },
        ];
  });
  const vertices = [...removed, ...others];
  return { vertices, isEmpty: vertices.length === 0 };
}

type Vertices = ReadonlyMap<string, DefinitionVertex>;

/** For each vertex that is new the one that stood in its place: the result for the result, an input for an input. */
function matchVertices(
  old: Vertices,
  current: Vertices,
  oldEnd: string | undefined,
  end: string | undefined,
): ReadonlyMap<string, string> {
  const pairs = new Map<string, string>();
  const taken = new Set<string>();
  const queue: [string | undefined, string | undefined][] = [[oldEnd, end]];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    const [oldDigest = "", digest = ""] = next;
    const match = old.get(oldDigest);
    const vertex = current.get(digest);
    const isNew = vertex !== undefined && !old.has(digest) && !pairs.has(digest);
    const isGone = match !== undefined && !current.has(oldDigest) && !taken.has(oldDigest);
    if (isNew && isGone && kindOf(match.op) === kindOf(vertex.op)) {
      pairs.set(digest, oldDigest);
      taken.add(oldDigest);
      queue.push(...pairInputs(match.op.inputs ?? [], vertex.op.inputs ?? []));
    }
  }
  return pairs;
}

/** Inputs side by side, without those that both have. */
function pairInputs(
  before: readonly OpInput[],
  after: readonly OpInput[],
): [string | undefined, string | undefined][] {
  const kept = new Set(
    before.map(({ digest }) => digest).filter((digest) => after.some((input) => input.digest === digest)),
  );
  const left = before.filter(({ digest }) => !kept.has(digest));
  const right = after.filter(({ digest }) => !kept.has(digest));
  return right.map((input, at) => [left[at]?.digest, input.digest]);
}

function fieldsOf(before: DefinitionVertex, after: DefinitionVertex): readonly FieldDiff[] {
  return [
    ...compare("op", ownOp(before), ownOp(after)),
    ...compare("metadata", metadataOf(before), metadataOf(after)),
  ];
}

/** An op without the digests of what it reads: these differ whenever anything below does. */
function ownOp({ op }: DefinitionVertex): Json {
  const { inputs, ...own } = op;
  return toJson(opMessage, inputs === undefined ? own : { ...own, inputs: inputs.map(withoutDigest) });
}

/** Metadata in which a capability is found by its name, not by its place. */
function metadataOf({ metadata: { caps, ...metadata } }: DefinitionVertex): Json {
  const needs = Object.fromEntries([...(caps ?? [])].map((cap) => [cap, true]));
  return { ...jsonObject(toJson(metadataMessage, metadata)), needs };
}

function withoutDigest({ index }: OpInput): OpInput {
  return index === undefined ? {} : { index };
}

function compare(path: string, before: Json | undefined, after: Json | undefined): readonly FieldDiff[] {
  if (isBranch(before) && isBranch(after) && Array.isArray(before) === Array.isArray(after)) {
    const [a, b] = [new Map(Object.entries(before)), new Map(Object.entries(after))];
    return [...new Set([...a.keys(), ...b.keys()])].flatMap((key) =>
      compare(Array.isArray(after) ? `${path}[${key}]` : `${path}.${key}`, a.get(key), b.get(key)),
    );
  }
  if (JSON.stringify(before) === JSON.stringify(after)) {
    return [];
  }
  return [{ path, ...(before !== undefined && { before }), ...(after !== undefined && { after }) }];
}

function isBranch(value: Json | undefined): value is Exclude<Json, null | boolean | number | string> {
  return typeof value === "object" && value !== null;
}

function nameOf(vertex: DefinitionVertex): VertexName {
  return { digest: vertex.digest, label: labelOf(vertex) };
}
