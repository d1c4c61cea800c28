import { type FileHandle, open, readFile, rm, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { BuildkitError, delay, errorMessage } from "@buildkit-node/core";

/** Any number may hold a `shared` lock, one an `exclusive` one. */
export type LockMode = "exclusive" | "shared";

/** How a lock on a file is taken. */
export interface FileLockOptions {
  /** `exclusive` by default. */
  readonly mode?: LockMode;
  /** How long to wait for another holder, in milliseconds; 5,000 by default. */
  readonly waitMs?: number;
  /** Leaves the lock file behind, for programs that do not check whether it has been replaced. */
  readonly keepFile?: boolean;
  readonly signal?: AbortSignal;
}

const retryMs = 50;

/**
 * Runs `body` while holding a lock that other processes respect, and answers what it does. On Linux the lock is a
 * flock(2), taken by the `flock` program on our open file, so it ends with this process whatever happens; Go's BuildKit
 * clients use the same. Elsewhere, and where the program is missing, the lock is the existence of the file: a lock left by
 * a process of this machine that has died is taken over, and shared locks are not taken.
 *
 * Throws a `BuildkitError` with code `ERR_BUILDKIT_DESTINATION` naming the file when it stays locked or cannot be made. A
 * shared lock where nothing can be written is not taken at all.
 */
export async function withFileLock<T>(
  path: string,
  options: FileLockOptions,
  body: () => Promise<T>,
): Promise<T> {
  const release = await acquire(path, options);
  try {
    return await body();
  } finally {
    await release();
  }
}

type Release = () => Promise<void>;

async function acquire(path: string, options: FileLockOptions): Promise<Release> {
  const { mode = "exclusive", waitMs = 5000, keepFile = false, signal } = options;
  const deadline = performance.now() + waitMs;
  for (;;) {
    signal?.throwIfAborted();
    const release = await tryAcquire(path, mode, keepFile);
    if (release !== undefined) return release;
    if (performance.now() >= deadline) {
      throw new BuildkitError("ERR_BUILDKIT_DESTINATION", `${path} is locked by another process`);
    }
    await delay(retryMs, signal);
  }
}

/** Answers nothing while another process holds the lock. */
async function tryAcquire(path: string, mode: LockMode, keepFile: boolean): Promise<Release | undefined> {
  try {
    const lock = process.platform === "linux" ? await tryFlock(path, mode, keepFile) : "unavailable";
    return lock === "unavailable" ? await tryCreate(path, mode) : lock;
  } catch (error) {
    if (mode === "shared" && isReadOnly(error)) return async () => {};
    throw new BuildkitError("ERR_BUILDKIT_DESTINATION", `cannot lock ${path}: ${errorMessage(error)}`, {
      cause: error,
    });
  }
}

async function tryFlock(
  path: string,
  mode: LockMode,
  keepFile: boolean,
): Promise<Release | undefined | "unavailable"> {
  const { handle, created } = await openOrCreate(path);
  const exitCode = await flock(handle, mode);
  if (exitCode === 0 && (await isNamed(handle, path))) {
    return async () => {
      if (!keepFile) await rm(path, { force: true });
      await handle.close();
    };
  }
  if (exitCode === undefined && created) await rm(path, { force: true });
  await handle.close();
  return exitCode === undefined ? "unavailable" : undefined;
}

async function openOrCreate(
  path: string,
): Promise<{ readonly handle: FileHandle; readonly created: boolean }> {
  try {
    return { handle: await open(path, "wx+"), created: true };
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
    return { handle: await open(path, "a+"), created: false };
  }
}

/** The `flock` program's exit code for a lock on our open file, or nothing when there is no such program. */
async function flock(handle: FileHandle, mode: LockMode): Promise<number | undefined> {
  const { spawn } = await import("node:child_process");
  return new Promise((resolve, reject) => {
    const args = [mode === "shared" ? "-s" : "-x", "-n", "3"];
    const child = spawn("flock", args, { stdio: ["ignore", "ignore", "ignore", handle.fd] });
    child.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") resolve(undefined);
      else reject(error);
    });
    child.on("exit", (code) => resolve(code ?? 1));
  });
}

/** False when the last holder has removed the file that we have locked, and the name is free or another file's. */
async function isNamed(handle: FileHandle, path: string): Promise<boolean> {
  const [ours, named] = await Promise.all([handle.stat(), stat(path).catch(() => undefined)]);
  return named !== undefined && named.ino === ours.ino && named.dev === ours.dev;
}

async function tryCreate(path: string, mode: LockMode): Promise<Release | undefined> {
  if (mode === "shared") return async () => {};
  const handle = await open(path, "wx").catch((error: unknown) => {
    if (codeOf(error) !== "EEXIST") throw error;
    return undefined;
  });
  if (handle === undefined) {
    if (await isStale(path)) await rm(path, { force: true });
    return undefined;
  }
  try {
    await handle.writeFile(`${hostname()} ${process.pid}`);
  } finally {
    await handle.close();
  }
  return () => rm(path, { force: true });
}

/** Whether a lock file of ours names a process of this machine that has died. */
async function isStale(path: string): Promise<boolean> {
  const [host, pid] = (await readFile(path, "utf8").catch(() => "")).split(" ");
  if (host !== hostname() || !/^[1-9][0-9]*$/.test(pid ?? "")) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return codeOf(error) === "ESRCH";
  }
}

function isReadOnly(error: unknown): boolean {
  return ["EROFS", "EPERM", "EACCES"].includes(codeOf(error) ?? "");
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}
