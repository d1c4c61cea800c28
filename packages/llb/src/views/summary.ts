import { customNameKey } from "../constraints.ts";
import type { Definition, DefinitionVertex } from "../definition.ts";
import type { Int } from "../wire/field.ts";
import type { Op, OpFileAction } from "../wire/op.ts";

/** What kind of op a vertex is; `output` is the last one, which names the result. */
export type OpKind = "source" | "exec" | "file" | "merge" | "diff" | "build" | "passthrough" | "output";

/** A vertex as a picture shows it. */
export interface NodeSummary {
  /** Its place among the ops. */
  readonly id: number;
  readonly digest: string;
  readonly kind: OpKind;
  /** The name that was given to it, or what it does in a few words. */
  readonly label: string;
}

/** What a vertex reads. */
export interface EdgeSummary {
  readonly from: number;
  readonly to: number;
  /** How it is used: the mount, or the number of the output if that is not 0. */
  readonly label: string;
}

/** The kind of an op. */
export function kindOf(op: Op): OpKind {
  const kinds = ["source", "exec", "file", "merge", "diff", "build", "passthrough"] as const;
  return kinds.find((kind) => op[kind] !== undefined) ?? "output";
}

/** What a vertex does, in a few words, or the name that was given to it. */
export function labelOf({ op, metadata }: Pick<DefinitionVertex, "op" | "metadata">): string {
  return metadata.description?.get(customNameKey) ?? describe(op);
}

/** A definition as nodes and edges. Edges from ops that are not in it are left out. */
export function summarize(definition: Definition): {
  readonly nodes: readonly NodeSummary[];
  readonly edges: readonly EdgeSummary[];
} {
  const places = new Map(definition.digests.map((digest, at) => [digest, at]));
  const nodes = definition.vertices.map((vertex, id) => ({
    id,
    digest: vertex.digest,
    kind: kindOf(vertex.op),
    label: labelOf(vertex),
  }));
  const edges = definition.vertices.flatMap(({ op }, to) =>
    (op.inputs ?? []).flatMap((input, number) => {
      const from = places.get(input.digest ?? "");
      return from === undefined ? [] : [{ from, to, label: edgeLabel(op, number, input.index ?? 0) }];
    }),
  );
  return { nodes, edges };
}

function describe(op: Op): string {
  switch (kindOf(op)) {
    case "source":
      return op.source?.identifier ?? "";
    case "exec":
      return (op.exec?.meta?.args ?? []).map(quoted).join(" ");
    case "file":
      return (op.file?.actions ?? []).map(describeAction).join(", ");
    case "build":
      return `build ${op.build?.attrs?.get("llbbuild.filename") ?? ""}`.trimEnd();
    case "passthrough":
      return `passthrough ${op.passthrough?.id ?? ""}`.trimEnd();
    case "merge":
      return "merge";
    case "diff":
      return "diff";
    case "output":
      return "output";
  }
}

function describeAction({ copy, mkfile, mkdir, rm, symlink }: OpFileAction): string {
  if (copy !== undefined) {
    return `copy ${copy.src ?? ""} ${copy.dest ?? ""}`;
  }
  if (symlink !== undefined) {
    return `symlink ${symlink.oldPath ?? ""} ${symlink.newPath ?? ""}`;
  }
  const [name, action] = mkfile ? ["mkfile", mkfile] : mkdir ? ["mkdir", mkdir] : ["rm", rm];
  return `${name} ${action?.path ?? ""}`;
}

/** An argument as a shell would want it. */
function quoted(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", `'\\''`)}'`;
}

function edgeLabel(op: Op, number: number, index: Int): string {
  const mounts = op.exec?.mounts?.filter(({ input }) => Number(input ?? 0) === number) ?? [];
  const targets = mounts.flatMap(({ target = "" }) => (target === "/" ? [] : [target]));
  return [...targets, ...(Number(index) === 0 ? [] : [`output ${index}`])].join(", ");
}
