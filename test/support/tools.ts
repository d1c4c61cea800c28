import { copyFile, mkdir, mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { copy, local, mkdir as makeDirectory, type State, scratch } from "@buildkit-node/llb";
import { provideSets } from "../../scripts/debian/provide.ts";

/** A directory of the test's own, removed at its end. */
export interface WorkDirectory extends AsyncDisposable {
  readonly path: string;
  /** The path of something in it. */
  in(...parts: readonly string[]): string;
}

export async function workDirectory(): Promise<WorkDirectory> {
  const root = await mkdtemp(path.join(os.tmpdir(), "bk-test-"));
  return {
    path: root,
    in: (...parts) => path.join(root, ...parts),
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
}

/** Puts the static busybox into a directory below the given one: the local source `tools` of `toolsRoot`. */
export async function toolsDirectory(parent: string): Promise<string> {
  const directory = path.join(parent, "tools");
  await mkdir(directory, { recursive: true });
  const { busybox } = await provideSets("busybox");
  await copyFile(path.join(busybox.root, "bin", "busybox"), path.join(directory, "busybox"));
  return directory;
}

/** A root filesystem in which shell commands run, made of the local source `tools`. */
export function toolsRoot(): State {
  return scratch().file([
    makeDirectory("/bin"),
    makeDirectory("/tmp"),
    copy(local("tools"), "busybox", "/bin/busybox"),
    // A copy, as daemons before BuildKit 0.19 make no symbolic links.
    copy(local("tools"), "busybox", "/bin/sh"),
  ]);
}

/** The arguments of a shell command in `toolsRoot`. */
export function shell(command: string): string[] {
  return ["/bin/sh", "-c", `export PATH=/bin; alias sleep='busybox sleep'; ${command}`];
}
