import { type ByteString, toText } from "../fsutil/byte-string.ts";
import { isDirectory } from "../fsutil/file-mode.ts";
import type { FileStat } from "../fsutil/stat.ts";

/** What one transfer of a local source was. A daemon may ask for a source several times, each time for a part of it. */
export interface TransferReport {
  /** The local source. */
  readonly name: string;
  /** Files, directories and others that were listed: what the patterns of the request let through. */
  readonly entries: number;
  /** Bytes in the files that were listed. */
  readonly bytes: number;
  /** Files of which the daemon asked for the contents; it has the others from before. */
  readonly sentFiles: number;
  readonly sentBytes: number;
  /** Where most of `bytes` is, largest first: directories, each with all that is in it, and files; at most 20. */
  readonly largest: readonly PathUsage[];
}

export interface PathUsage {
  /** Relative to the source. */
  readonly path: string;
  /** The path itself and what is below it. */
  readonly entries: number;
  readonly bytes: number;
}

const largestCount = 20;

/** Adds up a transfer while it goes on. What it holds does not grow with the number of entries. */
export class TransferMeter {
  /** The directories that the last entry is in, outermost first, without the root. */
  readonly #open: OpenUsage[] = [];
  readonly #root: OpenUsage = { path: "", prefix: "", entries: 0, bytes: 0 };
  #largest: Usage[] = [];
  #sentFiles = 0;
  #sentBytes = 0;

  /** An entry was listed. They come in the order of the protocol. */
  listed({ path, mode, size, linkname }: FileStat): void {
    const directory = this.#directoryOf(path);
    if (isDirectory(mode)) {
      this.#open.push({ path, prefix: `${path}/`, entries: 1, bytes: 0 });
      return;
    }
    // Links share the contents of what they lead to, or have none.
    const bytes = linkname === "" ? size : 0;
    directory.entries++;
    directory.bytes += bytes;
    this.#offer({ path, entries: 1, bytes });
  }

  /** A piece of a file's contents was sent. */
  sent(bytes: number): void {
    this.#sentBytes += bytes;
  }

  fileSent(): void {
    this.#sentFiles++;
  }

  report(name: string): TransferReport {
    const { entries, bytes } = this.#directoryOf("");
    const largest = this.#largest.map((usage) => ({ ...usage, path: toText(usage.path) }));
    return { name, entries, bytes, sentFiles: this.#sentFiles, sentBytes: this.#sentBytes, largest };
  }

  /** Leaves the directories that the path does not lie in. */
  #directoryOf(path: ByteString): OpenUsage {
    for (let last = this.#open.at(-1); last !== undefined; last = this.#open.at(-1)) {
      if (path.startsWith(last.prefix)) return last;
      this.#open.pop();
      const parent = this.#open.at(-1) ?? this.#root;
      parent.entries += last.entries;
      parent.bytes += last.bytes;
      this.#offer({ path: last.path, entries: last.entries, bytes: last.bytes });
    }
    return this.#root;
  }

  #offer(usage: Usage): void {
    const last = this.#largest[largestCount - 1];
    if (usage.bytes === 0 || (last !== undefined && last.bytes >= usage.bytes)) return;
    this.#largest.push(usage);
    this.#largest.sort((one, other) => other.bytes - one.bytes || (one.path < other.path ? -1 : 1));
    this.#largest.length = Math.min(this.#largest.length, largestCount);
  }
}

interface Usage {
  readonly path: ByteString;
  readonly entries: number;
  readonly bytes: number;
}

interface OpenUsage {
  readonly path: ByteString;
  /** What all paths below it begin with. */
  readonly prefix: ByteString;
  entries: number;
  bytes: number;
}
