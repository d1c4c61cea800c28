import path from "node:path";
import { copy, local, type State, scratch } from "@buildkit-node/llb";
import { provideSets } from "../../scripts/debian/provide.ts";

/** A root file system with a shell, without a registry. */
export interface TestRoot {
  readonly state: State;
  /** What the state reads: give it to the build. */
  readonly locals: Readonly<Record<string, string>>;
}

/** Debian's static busybox with all of its commands; it reads the locals of {@link testRoot}. */
export const shellRoot: State = scratch()
  .file(
    copy(
      local("test-root", { include: ["busybox"], sharedKeyHint: "test-root" }),
      "busybox",
      "/bin/busybox",
      {
        createDestPath: true,
        mode: 0o755,
      },
    ),
  )
  .run(["/bin/busybox", "--install", "-s", "/bin"], { name: "install busybox" })
  .env("PATH", "/bin");

/** The shell's root, and where its busybox is. */
export async function testRoot(): Promise<TestRoot> {
  const { busybox } = await provideSets("busybox");
  return { state: shellRoot, locals: { "test-root": path.join(busybox.root, "bin") } };
}
