import { createHash } from "node:crypto";
import { readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { layoutMode, makeDirectories } from "../fsutil/make-directories.ts";
import type { IngestStatus } from "./content-store.ts";

/**
 * The directory of one unfinished blob, laid out as containerd's local store does it: `ref`, `data`, `total` when
 * known, `startedat` and `updatedat` (RFC 3339), in `ingest/<sha256 of the ref>`.
 */
export class IngestDirectory {
  readonly path: string;
  readonly dataPath: string;

  constructor(path: string) {
    this.path = path;
    this.dataPath = join(path, "data");
  }

  static forRef(storeDir: string, ref: string): IngestDirectory {
    return new IngestDirectory(join(storeDir, "ingest", createHash("sha256").update(ref).digest("hex")));
  }

  /** Starts anew, whatever was there. */
  async create(ref: string, totalBytes: number): Promise<IngestStatus> {
    await this.remove();
    makeDirectories(this.path, layoutMode);
    const now = new Date();
    await writeFile(join(this.path, "ref"), ref);
    await this.#writeTime("startedat", now);
    await this.#writeTime("updatedat", now);
    if (totalBytes > 0) await writeFile(join(this.path, "total"), String(totalBytes));
    await writeFile(this.dataPath, "");
    return { ref, offsetBytes: 0, totalBytes, startedAt: now, updatedAt: now };
  }

  /** What is there, or nothing when it is not whole enough to go on from. */
  async status(): Promise<IngestStatus | undefined> {
    try {
      const [data, ref, startedAt, updatedAt, totalBytes] = await Promise.all([
        stat(this.dataPath),
        readFile(join(this.path, "ref"), "utf8"),
        this.#readTime("startedat"),
        this.#readTime("updatedat"),
        this.#readTotal(),
      ]);
      if (startedAt === undefined || updatedAt === undefined) return undefined;
      // `updatedat` is not written with each write, the file's own time is.
      const latestMs = Math.max(data.mtimeMs, updatedAt.getTime());
      return { ref, offsetBytes: data.size, totalBytes, startedAt, updatedAt: new Date(latestMs) };
    } catch {
      return undefined;
    }
  }

  /** Notes when the last write was; an ingest that another process took away is left alone. */
  async touch(updatedAt: Date): Promise<void> {
    await this.#writeTime("updatedat", updatedAt).catch(() => {});
  }

  async remove(): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }

  async #writeTime(name: string, time: Date): Promise<void> {
    const path = join(this.path, name);
    await writeFile(`${path}.tmp`, time.toISOString());
    await rename(`${path}.tmp`, path);
  }

  async #readTime(name: string): Promise<Date | undefined> {
    const time = new Date(await readFile(join(this.path, name), "utf8"));
    return Number.isNaN(time.getTime()) ? undefined : time;
  }

  async #readTotal(): Promise<number> {
    const text = await readFile(join(this.path, "total"), "utf8").catch(() => "");
    return /^[0-9]+$/.test(text) ? Number(text) : 0;
  }
}
