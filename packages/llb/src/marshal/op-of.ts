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
import { Inputs, workerConstraints } from "./inputs.ts";
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
      constraints: workerConstraints(vertex.constraints.filters, base),
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
  const last = vertex.actions.length - 1;
  const actions = vertex.actions.map(({ action, base: output, previous, from }, at) => {
    const root = inputs.numberOf(output);
    return fileAction(action, root, {
      input: previous === undefined ? root : count + previous,
      secondaryInput: from !== undefined && "action" in from ? count + from.action : inputs.numberOf(from),
      output: at === last ? 0 : -1,
    });
  });
  const constraints = workerConstraints(vertex.constraints.filters, base);
  return { op: { inputs: inputs.list, constraints, file: { actions } }, caps: fileCaps };
}

const fileCaps = ["file.base"];
const mergeCaps = ["mergeop"];
const diffCaps = ["diffop"];

function mergeOp(vertex: MergeVertex, base: Base, inputOf: InputOf): VertexOp {
  const inputs = vertex.inputs.map(inputOf);
  const merge = { inputs: inputs.map((_, input) => ({ input })) };
  return {
    op: { inputs, constraints: workerConstraints(vertex.constraints.filters, base), merge },
    caps: mergeCaps,
  };
}

function diffOp(vertex: DiffVertex, base: Base, inputOf: InputOf): VertexOp {
  const inputs: OpInput[] = [];
  const place = (output: Output | undefined) => ({
    input: output === undefined ? -1 : inputs.push(inputOf(output)) - 1,
  });
  const diff = { lower: place(vertex.lower), upper: place(vertex.upper) };
  return {
    op: { inputs, constraints: workerConstraints(vertex.constraints.filters, base), diff },
    caps: diffCaps,
  };
}

function buildOp(vertex: BuildVertex, base: Base, inputOf: InputOf): VertexOp {
  const { filename, constraints } = vertex;
  return {
    op: {
      inputs: [inputOf(vertex.input)],
      platform: constraints.platform ?? base.platform,
      constraints: workerConstraints(vertex.constraints.filters, base),
      build: {
        builder: -1,
        inputs: new Map([["buildkit.llb.definition", { input: 0 }]]),
        attrs: new Map(filename === "" ? [] : [["llbbuild.filename", filename]]),
      },
    },
    caps: ["source.buildop.llbfilename"],
  };
}

function passthroughOp(vertex: PassthroughVertex, base: Base, inputOf: InputOf): VertexOp {
  const { id, outputs } = vertex;
  return {
    op: {
      inputs: vertex.inputs.map(inputOf),
      constraints: workerConstraints(vertex.constraints.filters, base),
      passthrough: { id, outputs },
    },
    caps: ["passthroughop"],
  };
}
