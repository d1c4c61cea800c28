import path from "node:path";
import { llb } from "buildkit-node";
import { provideSets } from "../../scripts/debian/provide.ts";

/** A root filesystem to run steps in without a registry, and the local source that it is made from. */
export interface BusyboxRoot {
  readonly root: llb.State;
  readonly locals: { readonly busybox: string };
}

/** Debian's static busybox with all its names in `/bin`. */
export async function busyboxRoot(): Promise<BusyboxRoot> {
  const { busybox } = await provideSets("busybox");
  const binary = llb.local("busybox", { include: ["busybox"] });
  const root = llb
    .scratch()
    .file(llb.copy(binary, "busybox", "/bin/busybox", { createDestPath: true, mode: 0o755 }))
    .run(["/bin/busybox", "--install", "-s", "/bin"])
    .env("PATH", "/bin");
  return { root, locals: { busybox: path.join(busybox.root, "bin") } };
}
