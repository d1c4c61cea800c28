import { execFile } from "node:child_process";
import { access, constants, readlink } from "node:fs/promises";
import { delimiter, isAbsolute, join, resolve } from "node:path";
import { promisify } from "node:util";
import { BuildkitError, InvalidArgumentError } from "@buildkit-node/core";
import { copy, local, type State, scratch } from "@buildkit-node/llb";

/** Programs of this machine as a file system. */
export interface HostPrograms {
  /** The programs where they are on this machine, and the libraries that they link to. */
  readonly state: State;
  /** Local sources that the state reads: give them to the build. */
  readonly locals: Readonly<Record<string, string>>;
}

/** The name of the local source that is the root of this machine. */
const rootLocal = "host-programs";

/**
 * Packs programs of this machine (Linux) and the libraries that they link to, for a file system that needs no registry:
 * a frontend's, or one to run tests in. Links on the way to a file come along. What a program opens by itself, such as
 * configuration, is only there when it is named as a file.
 *
 * @param names programs by path, or by name as PATH finds them
 * @param options.files more files or directories, by absolute path
 * @throws {InvalidArgumentError} when there is no such program
 */
export async function hostPrograms(
  names: readonly string[],
  options: { readonly files?: readonly string[] } = {},
): Promise<HostPrograms> {
  if (process.platform !== "linux") {
    throw new BuildkitError(
      "ERR_BUILDKIT_UNSUPPORTED",
      "programs of this machine run in images only on Linux",
    );
  }
  const programs = await Promise.all(names.map(findProgram));
  const libraries = await Promise.all(programs.map(librariesOf));
  const wanted = new Set([...programs, ...libraries.flat(), ...(options.files ?? [])]);
  const paths = await Promise.all([...wanted].map(withLinks));
  const include = [...new Set(paths.flat())].map((path) => path.replace(/^\/+/, "")).sort();
  const root = local(rootLocal, { include, sharedKeyHint: rootLocal, name: `load ${names.join(", ")}` });
  const state = scratch().file(copy(root, "/", "/", { contentsOnly: true }));
  return { state, locals: { [rootLocal]: "/" } };
}

/** A file and every link on the way to it, each by its own path without links above it. */
async function withLinks(path: string): Promise<readonly string[]> {
  const links: string[] = [];
  let done = "/";
  let left = path.split("/").filter(Boolean);
  while (left.length > 0 && links.length < maxLinks) {
    const [name = "", ...rest] = left;
    const next = join(done, name);
    const target = await readlink(next).catch(() => undefined);
    left = rest;
    if (target === undefined) {
      done = next;
      continue;
    }
    links.push(next);
    const resolved = resolve(done, target);
    left = [...resolved.split("/").filter(Boolean), ...rest];
    done = "/";
  }
  return [...links, done];
}

/** As many as Linux follows. */
const maxLinks = 40;

async function findProgram(name: string): Promise<string> {
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter(isAbsolute);
  const candidates = isAbsolute(name) ? [name] : folders.map((folder) => join(folder, name));
  for (const path of candidates) {
    const found = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  throw new InvalidArgumentError(
    "names",
    name,
    `there is no program ${JSON.stringify(name)} on this machine`,
  );
}

/** What the dynamic linker says; a program without libraries makes it fail. */
async function librariesOf(program: string): Promise<readonly string[]> {
  let output: string;
  try {
    ({ stdout: output } = await promisify(execFile)("ldd", [program]));
  } catch (cause) {
    if (isStatic(cause)) return [];
    const message = `cannot find out which libraries ${program} needs: ldd failed`;
    throw new BuildkitError("ERR_BUILDKIT_FRONTEND", message, { cause });
  }
  const missing = /^\s*(\S+) => not found/m.exec(output)?.[1];
  if (missing !== undefined) {
    const message = `${program} needs the library ${missing}, and this machine does not have it`;
    throw new BuildkitError("ERR_BUILDKIT_FRONTEND", message);
  }
  return [...output.matchAll(/(?:^|=>)\s*(\/\S+)(?=\s+\(0x)/gm)].flatMap(([, path]) => path ?? []);
}

function isStatic(cause: unknown): boolean {
  const text = cause instanceof Error && "stderr" in cause ? String(cause.stderr) : "";
  return /not a dynamic executable|Not a valid dynamic program/.test(text);
}
