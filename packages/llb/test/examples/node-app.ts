import * as llb from "@buildkit-node/llb";

const source = llb.local("context", { exclude: [".git", "node_modules"] });

const app = llb
  .image("docker.io/library/node:22-alpine")
  .dir("/app")
  .file(llb.copy(source, "package*.json", "./", { wildcard: true }))
  .run(["npm", "ci"], { mounts: [llb.cache("/root/.npm", { id: "npm", sharing: "locked" })] })
  .file(llb.copy(source, ".", "./"), { name: "copy the sources" });

export const definition: llb.Definition = llb.marshal(app, {
  platform: "linux/amd64",
  localUniqueId: "example",
});
