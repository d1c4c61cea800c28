import { access, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Descriptor, emptyIndex, findInIndex, type Index } from "@buildkit-node/oci";
import { withFileLock } from "../file-lock.ts";
import { cannotWrite } from "../fsutil/destination-error.ts";
import { cannotRead, LocalSourceError } from "../fsutil/local-source-error.ts";
import { layoutMode, makeDirectories } from "../fsutil/make-directories.ts";
import { ContentError } from "./content-error.ts";

/** How long to wait for a layout that another process is changing, and when to stop. */
export interface LayoutIndexOptions {
  /** In milliseconds; 5,000 by default. */
  readonly lockWaitMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * The `index.json` of an OCI layout, or `undefined` where there is none. Throws a `ContentError` with reason `mismatch`
 * when it is not an index, and `ERR_BUILDKIT_DESTINATION` when it stays locked by another process.
 */
export async function readLayoutIndex(
  dir: string,
  options: LayoutIndexOptions = {},
): Promise<Index | undefined> {
  const unlocked = await readUnlocked(dir);
  if (unlocked !== undefined) return unlocked.index;
  return withFileLock(lockPath(dir), lockOptions(options, "shared"), () => readIndex(dir));
}

/**
 * What an OCI layout holds under an image name or a tag; without one, its only image. `undefined` when there is nothing
 * such. Throws like `readLayoutIndex`.
 */
export async function resolveInLayout(
  dir: string,
  name?: string,
  options: LayoutIndexOptions = {},
): Promise<Descriptor | undefined> {
  const index = await readLayoutIndex(dir, options);
  return index === undefined ? undefined : findInIndex(index, name);
}

/**
 * Changes the `index.json` of an OCI layout while holding its lock, and makes the directory a layout if it is not yet one.
 * The file is replaced as a whole: whoever reads it finds the old or the new one. What `update` leaves alone stays as
 * it was, fields that we do not know among it. `update` is called again when the index may have changed in the meantime; one
 * that changes nothing takes no lock. Throws like `readLayoutIndex`.
 */
export async function updateLayoutIndex(
  dir: string,
  update: (index: Index) => Index,
  options: LayoutIndexOptions = {},
): Promise<void> {
  try {
    makeDirectories(dir, layoutMode);
  } catch (error) {
    throw cannotWrite(dir, error);
  }
  const current = (await readUnlocked(dir))?.index;
  if (current !== undefined && JSON.stringify(update(current)) === JSON.stringify(current)) {
    if ((await readText(markerPath(dir))) === marker) return;
  }
  await withFileLock(lockPath(dir), lockOptions(options, "exclusive"), async () => {
    const index = update((await readIndex(dir)) ?? emptyIndex);
    await replaceFile(markerPath(dir), marker);
    await replaceFile(indexPath(dir), JSON.stringify(index));
  });
}

/**
 * The index where nobody holds the lock, which is to say that there is no file of it: a lock takes a program of its own,
 * which costs more than all the rest of an export of what is there already. `undefined` where the lock is needed.
 */
async function readUnlocked(dir: string): Promise<{ readonly index: Index | undefined } | undefined> {
  const isLocked = () =>
    access(lockPath(dir)).then(
      () => true,
      () => false,
    );
  if (await isLocked()) return undefined;
  try {
    const index = await readIndex(dir);
    // Who has begun to write since then may have been read half-way.
    return (await isLocked()) ? undefined : { index };
  } catch (error) {
    if (error instanceof ContentError) return undefined;
    throw error;
  }
}

/** What makes a directory a layout. */
const marker = JSON.stringify({ imageLayoutVersion: "1.0.0" });

function markerPath(dir: string): string {
  return join(dir, "oci-layout");
}

function indexPath(dir: string): string {
  return join(dir, "index.json");
}

function lockPath(dir: string): string {
  return join(dir, "index.json.lock");
}

function lockOptions({ lockWaitMs, signal }: LayoutIndexOptions, mode: "exclusive" | "shared") {
  return {
    mode,
    ...(lockWaitMs === undefined ? {} : { waitMs: lockWaitMs }),
    ...(signal === undefined ? {} : { signal }),
  };
}

/** An empty file counts as none. */
async function readIndex(dir: string): Promise<Index | undefined> {
  const path = indexPath(dir);
  const text = await readText(path);
  if (text === undefined || text.trim() === "") return undefined;
  const index = parse(text);
  if (typeof index !== "object" || index === null) throw notAnIndex(path);
  const { manifests = null, ...rest } = index as Readonly<Record<string, unknown>>;
  if (manifests !== null && !Array.isArray(manifests)) throw notAnIndex(path);
  return { ...emptyIndex, ...rest, manifests: manifests ?? [] };
}

function noDirectory(path: string, cause: unknown): LocalSourceError {
  return new LocalSourceError(path, `cannot read ${path}: a file is in the way of a directory`, { cause });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function notAnIndex(path: string): ContentError {
  return new ContentError("mismatch", path, `${path} is not the index of an OCI layout`);
}

async function readText(path: string): Promise<string | undefined> {
  return readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error.code === "ENOTDIR" ? noDirectory(path, error) : cannotRead(path, error);
  });
}

async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await writeFile(temporary, text, { flush: true });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw cannotWrite(path, error);
  }
}
