import type { Definition, DefinitionVertex, LayoutPlace, ResolveMode } from "@buildkit-node/llb";

/** The image that a graph starts from. */
export interface BaseImage {
  /** A whole reference. */
  readonly ref: string;
  readonly resolveMode: ResolveMode;
  /** Where it is, if not in a registry. */
  readonly layout?: LayoutPlace;
}

const imageScheme = "docker-image://";
const layoutScheme = "oci-layout://";

/**
 * The image at the bottom of a graph's root filesystem: what its steps ran on and its files were copied over.
 * `undefined` where that is nothing, or no image.
 */
export function baseImageOf(definition: Definition): BaseImage | undefined {
  const byDigest = new Map(definition.vertices.map((vertex) => [vertex.digest, vertex]));
  let at = definition.vertices.at(-1)?.op.inputs?.[0];
  while (at !== undefined) {
    const vertex = byDigest.get(at.digest ?? "");
    const source = vertex?.op.source;
    if (source !== undefined) return imageOf(source.identifier ?? "", source.attrs);
    at = vertex === undefined ? undefined : below(vertex.op, Number(at.index ?? 0));
  }
  return undefined;
}

type Op = DefinitionVertex["op"];
type Input = NonNullable<Op["inputs"]>[number];

/** What an output of an op was made from. */
function below({ inputs = [], exec, file, merge }: Op, output: number): Input | undefined {
  if (exec !== undefined) {
    const mount = exec.mounts?.find((one) => Number(one.output ?? 0) === output);
    return mount && inputs[Number(mount.input ?? 0)];
  }
  if (merge !== undefined) return inputs[Number(merge.inputs?.[0]?.input ?? 0)];
  if (file === undefined) return undefined;
  let action = file.actions?.find((one) => Number(one.output ?? 0) === output);
  // Inputs beyond those of the op are the actions before.
  while (action !== undefined) {
    const input = Number(action.input ?? 0);
    if (input < inputs.length) return inputs[input];
    action = file.actions?.[input - inputs.length];
  }
  return undefined;
}

function imageOf(identifier: string, attrs?: ReadonlyMap<string, string>): BaseImage | undefined {
  if (identifier.startsWith(layoutScheme)) {
    const ref = identifier.slice(layoutScheme.length);
    return { ref, resolveMode: "default", layout: layoutOf(attrs) };
  }
  if (!identifier.startsWith(imageScheme)) return undefined;
  const mode = attrs?.get("image.resolvemode");
  return {
    ref: identifier.slice(imageScheme.length),
    resolveMode: mode === "pull" || mode === "local" ? mode : "default",
  };
}

function layoutOf(attrs?: ReadonlyMap<string, string>): LayoutPlace {
  const session = attrs?.get("oci.session");
  return { store: attrs?.get("oci.store") ?? "", ...(session !== undefined && { session }) };
}
