import * as llb from "@buildkit-node/llb";

const source = llb.local("context", { include: ["go.mod", "go.sum", "**/*.go"] });

const build = llb
  .image("golang:1.27")
  .env({ CGO_ENABLED: "0", GOFLAGS: "-trimpath" })
  .exec(["go", "build", "-C", "/src", "-o", "/out/server", "./cmd/server"], {
    mounts: [
      llb.bind("/src", source, { readonly: true }),
      llb.bind("/out", llb.scratch()),
      llb.cache("/root/.cache/go-build"),
      llb.cache("/go/pkg/mod"),
    ],
  });

// Only what the compiler knows to be an output can be used: build.mounts["/src"] would be a type error.
const server = llb
  .scratch()
  .file([
    llb.mkdir("/etc"),
    llb.mkfile("/etc/passwd", "app:x:1000:1000::/:\n"),
    llb.copy(build.mounts["/out"], "/server", "/server", { mode: 0o755, owner: "1000:1000" }),
  ]);

export const definition: llb.Definition = llb.marshal(server, {
  platform: "linux/arm64",
  localUniqueId: "example",
});
