import * as llb from "@buildkit-node/llb";

const base = llb.image("debian:12-slim");
const checkout = llb.git("git@github.com:acme/service.git#v1.4.0", {
  knownHosts: "github.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl",
});

const built = base
  .run(llb.shlex("sh -c 'apt-get update && apt-get install -y make gcc'"), {
    mounts: [
      llb.cache("/var/cache/apt", { sharing: "locked" }),
      llb.tmpfs("/tmp", { sizeBytes: 256 * 2 ** 20 }),
    ],
  })
  .exec(["make", "-C", "/src", "install", "DESTDIR=/out"], {
    mounts: [
      llb.bind("/src", checkout),
      llb.bind("/out", llb.scratch()),
      llb.secret("license", { target: "/run/secrets/license" }),
      llb.secret("token", { env: "BUILD_TOKEN", optional: true }),
    ],
    network: "none",
    name: "make install",
  });

const certificates = llb.diff(base, base.run(["update-ca-certificates"]));
const model = llb.http("https://models.example.com/small.bin", {
  checksum: "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
});

// Laid over each other without copying: a change in one of them leaves the others in the cache.
const image = llb.merge([
  base,
  certificates,
  built.mounts["/out"],
  llb.scratch().file(llb.copy(model, "/small.bin", "/models/", { createDestPath: true })),
]);

export const definition: llb.Definition = llb.marshal(image, { platform: "linux/amd64" });
