import path from "node:path";
import { copy, local, type State, scratch } from "@buildkit-node/llb";
import { provideSets } from "../../scripts/debian/provide.ts";

/** A root file system with a shell, without a registry. */
export interface TestRoot {
  readonly state: State;
  /** What the state reads: give it to the build. */
  readonly locals: Readonly<Record<string, string>>;
}

/** Debian's static busybox with all of its commands. */
export async function testRoot(): Promise<TestRoot> {
  const { busybox } = await provideSets("busybox");
  const tools = local("test-root", { include: ["busybox"], sharedKeyHint: "test-root" });
  const state = scratch()
    .file(copy(tools, "busybox", "/bin/busybox", { createDestPath: true, mode: 0o755 }))
    .run(["/bin/busybox", "--install", "-s", "/bin"], { name: "install busybox" })
    .env("PATH", "/bin");
  return { state, locals: { "test-root": path.join(busybox.root, "bin") } };
}
