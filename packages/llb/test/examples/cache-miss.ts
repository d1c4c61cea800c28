import * as llb from "@buildkit-node/llb";

function graph(release: string): llb.State {
  return llb.image("alpine:3.20").env("RELEASE", release).run(["./build.sh"]).file(llb.rm("/tmp/work"));
}

const options = { platform: "linux/amd64" };
const yesterday = llb.marshal(graph("1.2.3"), options);
const today = llb.marshal(graph("1.2.4"), options);

// Why was nothing found in the cache? The first vertex that changed of itself is the reason.
const { vertices } = llb.diffDefinitions(yesterday, today);
const reason = vertices.find((vertex) => vertex.kind === "changed" && vertex.isOwnChange);
export const fields: unknown = reason?.kind === "changed" && reason.fields;

// A definition is kept as bytes, or as JSON for a snapshot, and can be built on.
const kept = llb.fromJSON(JSON.stringify(llb.toJSON(today)));
const longer = llb.fromDefinition(kept).run(["./test.sh"], { ignoreCache: true });
export const definition: llb.Definition = llb.marshal(longer, options);
