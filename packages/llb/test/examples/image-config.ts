import * as llb from "@buildkit-node/llb";

// The variables and the directory of the image are those of the commands; the tag is pinned to what it means now.
const version = llb.image("python:3.12", { resolve: "digest" }).run(["python3", "--version"]);

// A client of a daemon is a resolver. This one answers by itself.
const resolver: llb.ImageResolver = {
  resolveImageConfig: async (_ref, { platform }) => ({
    digest: `sha256:${(platform.architecture === "arm64" ? "a" : "b").repeat(64)}`,
    config: { config: { Env: ["PATH=/usr/local/bin:/usr/bin:/bin"], WorkingDir: "/srv" } },
  }),
};

async function forPlatform(platform: string): Promise<llb.Definition> {
  const resolved = await llb.resolve(version, { platform, resolver });
  return llb.marshal(resolved, { platform });
}

export const definitions: readonly llb.Definition[] = await Promise.all(
  ["linux/amd64", "linux/arm64"].map(forPlatform),
);
