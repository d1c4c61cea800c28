import fs from "node:fs";
import { promisify } from "node:util";
import { type ByteString, toFsPath, toText } from "./byte-string.ts";
import { cannotRead, systemCode } from "./local-source-error.ts";
import type { PathFilter } from "./path-filter.ts";
import type { OpenFile, TreeEntry, TreeSource } from "./tree-source.ts";
import { Turn } from "./turn.ts";
import { walk } from "./walk.ts";

/** What becomes of a file that was listed and cannot be read when its contents are asked for. */
export type OnUnreadable =
  /** The transfer fails with an error that names it. */
  | "error"
  /** It is sent without contents, and nobody is told; the Go client does so. */
  | "empty";

/** Entries in one lot. */
const lotSize = 512;

const fsRead = promisify(fs.read);

/** A directory of this machine as a tree that can be sent. */
export class DirectorySource implements TreeSource<ByteString> {
  readonly #root: ByteString;
  readonly #filter: PathFilter;
  readonly #onUnreadable: OnUnreadable;

  constructor(options: {
    /** The directory's real path. */
    readonly root: ByteString;
    readonly filter: PathFilter;
    readonly onUnreadable: OnUnreadable;
  }) {
    this.#root = options.root;
    this.#filter = options.filter;
    this.#onUnreadable = options.onUnreadable;
  }

  async *entries(): AsyncGenerator<readonly TreeEntry<ByteString>[], void> {
    let lot: TreeEntry<ByteString>[] = [];
    const turn = new Turn();
    for (const entry of walk(this.#root, this.#filter)) {
      if (entry !== undefined) lot.push(entry);
      if (lot.length < lotSize && !turn.over) continue;
      if (lot.length > 0) yield lot;
      lot = [];
      if (turn.over) await turn.next();
    }
    if (lot.length > 0) yield lot;
  }

  open(file: ByteString): OpenFile {
    // A socket is listed as a file without contents.
    if (file === "") return nothing;
    const path = `${this.#root}/${file}`;
    try {
      // What was listed as a file may be a link or a pipe by now: the one is not followed, the other not waited for.
      const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
      return new LocalFile(path, fs.openSync(toFsPath(path), O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
    } catch (error) {
      if (this.#onUnreadable === "empty") return nothing;
      throw cannotRead(toText(path), error);
    }
  }
}

const nothing: OpenFile = { readSync: () => 0, read: () => Promise.resolve(0), close: () => {} };

class LocalFile implements OpenFile {
  readonly #path: ByteString;
  readonly #descriptor: number;

  constructor(path: ByteString, descriptor: number) {
    this.#path = path;
    this.#descriptor = descriptor;
  }

  readSync(target: Buffer, start: number, length: number): number {
    try {
      return fs.readSync(this.#descriptor, target, start, length, null);
    } catch (error) {
      // A pipe that nobody writes to.
      if (systemCode(error) === "EAGAIN") return 0;
      throw cannotRead(toText(this.#path), error);
    }
  }

  async read(target: Buffer, start: number, length: number): Promise<number> {
    try {
      const { bytesRead } = await fsRead(this.#descriptor, target, start, length, null);
      return bytesRead;
    } catch (error) {
      throw cannotRead(toText(this.#path), error);
    }
  }

  close(): void {
    fs.closeSync(this.#descriptor);
  }
}
