import { randomBytes } from "node:crypto";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { withFileLock } from "../file-lock.ts";
import { makeDirectories } from "../fsutil/make-directories.ts";

/** The client's secret seed for a registry: the same bytes each time. */
export type TokenSeeds = (host: string) => Promise<Uint8Array>;

const seedBytes = 16;

/**
 * Seeds kept in `.token_seed` in Docker's configuration directory, so that one client's builds, one after another, can
 * share the tokens that a daemon holds. Go's BuildKit clients use the same file. Where it cannot be written the seeds last
 * as long as this function's answer.
 */
export function fileTokenSeeds(dir: string): TokenSeeds {
  const known = new Map<string, Promise<Uint8Array>>();
  return (host) => {
    const seed = known.get(host) ?? loadOrMake(dir, host, randomBytes(seedBytes));
    known.set(host, seed);
    return seed;
  };
}

async function loadOrMake(dir: string, host: string, fresh: Uint8Array): Promise<Uint8Array> {
  try {
    makeDirectories(dir);
    return await withFileLock(join(dir, ".token_seed.lock"), { keepFile: true }, async () => {
      const path = join(dir, ".token_seed");
      const seeds = await readSeeds(path);
      const seed = seeds.get(host);
      if (seed !== undefined) return seed;
      await writeSeeds(path, seeds.set(host, fresh));
      return fresh;
    });
  } catch {
    return fresh;
  }
}

/** A broken or missing file is an empty one. */
async function readSeeds(path: string): Promise<Map<string, Uint8Array>> {
  const seeds = new Map<string, Uint8Array>();
  try {
    const entries: unknown = JSON.parse(await readFile(path, "utf8"));
    for (const [host, entry] of Object.entries(
      entries as Record<string, { readonly Seed?: unknown } | null>,
    )) {
      if (typeof entry?.Seed === "string") seeds.set(host, Buffer.from(entry.Seed, "base64"));
    }
  } catch {
    // As above.
  }
  return seeds;
}

async function writeSeeds(path: string, seeds: ReadonlyMap<string, Uint8Array>): Promise<void> {
  const entries = [...seeds].map(([host, seed]) => [host, { Seed: Buffer.from(seed).toString("base64") }]);
  const temporary = `${path}.${process.pid}.tmp`;
  await writeFile(temporary, JSON.stringify(Object.fromEntries(entries), null, 2), { mode: 0o600 });
  await rename(temporary, path);
}
