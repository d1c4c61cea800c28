import type {
  BuildVertex,
  DiffVertex,
  FileVertex,
  MergeVertex,
  Output,
  PassthroughVertex,
  SourceVertex,
  Vertex,
} from "../vertex.ts";
import type { OpInput } from "../wire/op.ts";
import type { Base } from "./base.ts";
import { execOp } from "./exec-op.ts";
import { fileAction } from "./file-action-op.ts";
import { commonOf, Inputs } from "./inputs.ts";
import type { InputOf, VertexOp } from "./vertex-op.ts";

/** Writes a vertex as an op. Imported vertices have theirs already. */
export function opOf(vertex: Exclude<Vertex, { kind: "imported" }>, base: Base, inputOf: InputOf): VertexOp {
  switch (vertex.kind) {
    case "source":
      return sourceOp(vertex, base);
    case "exec":
      return execOp(vertex, base, inputOf);
    case "file":
      return fileOp(vertex, base, inputOf);
    case "merge":
      return mergeOp(vertex, base, inputOf);
    case "diff":
      return diffOp(vertex, base, inputOf);
    case "build":
      return buildOp(vertex, base, inputOf);
    case "passthrough":
      return passthroughOp(vertex, base, inputOf);
  }
}

/** What a walk over the graph visits below a vertex, in order. */
export function visitsOf(vertex: Vertex): readonly (Output | undefined)[] {
  switch (vertex.kind) {
    case "source":
      return [];
    case "exec":
      return vertex.mounts.map(({ source }) => source);
    case "file":
      return vertex.visits;
    case "diff":
      return [vertex.lower, vertex.upper];
    case "build":
      return [vertex.input];
    case "merge":
    case "passthrough":
    case "imported":
      return vertex.inputs;
  }
}

const platformSchemes = ["docker-image://", "oci-layout://"];

function sourceOp(vertex: SourceVertex, base: Base): VertexOp {
  const { identifier, constraints } = vertex;
  const isUnique = identifier.startsWith("local://") && !vertex.attrs.has("local.session");
  const attrs = isUnique
    ? new Map([...vertex.attrs, ["local.unique", constraints.localUniqueId || base.localUniqueId]])
    : vertex.attrs;
  const hasPlatform = platformSchemes.some((scheme) => identifier.startsWith(scheme));
  return {
    op: {
      ...commonOf(vertex, base),
      ...(hasPlatform && { platform: constraints.platform ?? base.platform }),
      source: { identifier, attrs },
    },
    caps: isUnique ? [...vertex.caps, "source.local.unique"] : vertex.caps,
  };
}

function fileOp(vertex: FileVertex, base: Base, inputOf: InputOf): VertexOp {
  const inputs = new Inputs(inputOf);
  for (const output of vertex.inputs) {
    inputs.numberOf(output);
  }
  const count = inputs.list.length;
  const actions = vertex.actions.map((bound, place) => {
    const root = inputs.numberOf(bound.base);
    return {
      input: bound.previous === undefined ? root : count + bound.previous,
      secondaryInput:
        bound.from !== undefined && "action" in bound.from
          ? count + bound.from.action
          : inputs.numberOf(bound.from),
      output: place === vertex.actions.length - 1 ? 0 : -1,
      ...fileAction(bound.action, root),
    };
  });
  return { op: { inputs: inputs.list, ...commonOf(vertex, base), file: { actions } }, caps: ["file.base"] };
}

function mergeOp(vertex: MergeVertex, base: Base, inputOf: InputOf): VertexOp {
  const inputs = vertex.inputs.map(inputOf);
  const merge = { inputs: inputs.map((_, input) => ({ input })) };
  return { op: { inputs, ...commonOf(vertex, base), merge }, caps: ["mergeop"] };
}

function diffOp(vertex: DiffVertex, base: Base, inputOf: InputOf): VertexOp {
  const inputs: OpInput[] = [];
  const place = (output: Output | undefined) => ({
    input: output === undefined ? -1 : inputs.push(inputOf(output)) - 1,
  });
  const diff = { lower: place(vertex.lower), upper: place(vertex.upper) };
  return { op: { inputs, ...commonOf(vertex, base), diff }, caps: ["diffop"] };
}

function buildOp(vertex: BuildVertex, base: Base, inputOf: InputOf): VertexOp {
  const { filename, constraints } = vertex;
  return {
    op: {
      inputs: [inputOf(vertex.input)],
      platform: constraints.platform ?? base.platform,
      ...commonOf(vertex, base),
      build: {
        builder: -1,
        inputs: new Map([["buildkit.llb.definition", { input: 0 }]]),
        attrs: new Map(filename === undefined ? [] : [["llbbuild.filename", filename]]),
      },
    },
    caps: ["source.buildop.llbfilename"],
  };
}

function passthroughOp(vertex: PassthroughVertex, base: Base, inputOf: InputOf): VertexOp {
  const { id, outputs } = vertex;
  return {
    op: { inputs: vertex.inputs.map(inputOf), ...commonOf(vertex, base), passthrough: { id, outputs } },
    caps: ["passthroughop"],
  };
}
