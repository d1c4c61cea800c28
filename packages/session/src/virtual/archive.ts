import { randomBytes } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { BuildkitError } from "@buildkit-node/core";
import { cannotRead, LocalSourceError } from "../fsutil/local-source-error.ts";

/** Bytes that can be read at any place. */
export interface Archive {
  /** Its name for people. */
  readonly name: string;
  /** Makes the bytes readable through a descriptor until that is given back. */
  open(): OpenArchive;
}

export interface OpenArchive {
  readonly descriptor: number;
  close(): void;
}

/** A part of an archive. */
export interface ArchiveRange {
  readonly archive: Archive;
  readonly start: number;
  readonly size: number;
}

/** A file of this machine. It must not change while it is used. */
export class FileArchive implements Archive {
  readonly name: string;
  /** All of its bytes. */
  readonly whole: ArchiveRange;
  /** Different for every file, and for the same file once it has changed. */
  readonly identity: string;
  /** What everybody reads through who opens the file in this turn of the event loop. */
  #current: SharedDescriptor | undefined;

  /** @throws {LocalSourceError} for a file that is not there or cannot be read */
  constructor(file: string) {
    this.name = path.resolve(file);
    try {
      const stat = fs.statSync(this.name, { bigint: true });
      if (!stat.isFile()) throw new LocalSourceError(this.name, `${this.name} is not a file`);
      fs.accessSync(this.name, fs.constants.R_OK);
      this.whole = { archive: this, start: 0, size: Number(stat.size) };
      this.identity = fileIdentity(this.name, stat);
    } catch (error) {
      throw BuildkitError.is(error) ? error : cannotRead(this.name, error);
    }
  }

  /** Small files are read many in a turn, and to open and look at the archive costs more than to read one. */
  open(): OpenArchive {
    this.#current ??= this.#openForThisTurn();
    return this.#current.use();
  }

  #openForThisTurn(): SharedDescriptor {
    const descriptor = fs.openSync(this.name, "r");
    if (fileIdentity(this.name, fs.fstatSync(descriptor, { bigint: true })) !== this.identity) {
      fs.closeSync(descriptor);
      throw new LocalSourceError(this.name, `${this.name} was changed while it was used as a local source`);
    }
    const shared = new SharedDescriptor(descriptor);
    setImmediate(() => {
      this.#current = undefined;
      shared.release();
    });
    return shared;
  }
}

/** A descriptor that is closed once its maker and all who use it have given it back. */
class SharedDescriptor {
  readonly #descriptor: number;
  #users = 1;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  use(): OpenArchive {
    this.#users++;
    return { descriptor: this.#descriptor, close: () => this.release() };
  }

  release(): void {
    this.#users--;
    if (this.#users === 0) fs.closeSync(this.#descriptor);
  }
}

/** What changes with a file's contents. */
function fileIdentity(file: string, stat: fs.BigIntStats): string {
  return JSON.stringify([
    file,
    String(stat.ino),
    String(stat.size),
    String(stat.mtimeNs),
    String(stat.ctimeNs),
  ]);
}

/**
 * Bytes that came as a stream, in a temporary file without a name: it is gone with its last descriptor, and with the
 * process at the latest, whatever becomes of that.
 */
export class Spool implements Archive {
  readonly name: string;
  readonly #file: SharedDescriptor;
  #size = 0;
  #closed = false;

  /** @param directory where the file is made; the system's directory for such by default */
  constructor(name: string, directory: string = os.tmpdir()) {
    this.name = name;
    const file = path.join(directory, `buildkit-node-${randomBytes(8).toString("hex")}.tmp`);
    this.#file = new SharedDescriptor(fs.openSync(file, "wx+", 0o600));
    fs.unlinkSync(file);
  }

  /** Writes a stream behind what there is. Resolves with the part that it takes. */
  async append(stream: AsyncIterable<Uint8Array>): Promise<ArchiveRange> {
    const start = this.#size;
    const { descriptor, close } = this.open();
    try {
      for await (const piece of stream) {
        for (let written = 0; written < piece.length; ) {
          const at = this.#size + written;
          written += (await fsWrite(descriptor, piece, written, piece.length - written, at)).bytesWritten;
        }
        this.#size += piece.length;
      }
    } finally {
      close();
    }
    return { archive: this, start, size: this.#size - start };
  }

  open(): OpenArchive {
    if (this.#closed)
      throw new BuildkitError("ERR_BUILDKIT_CLOSED", `the virtual directory of ${this.name} is closed`);
    return this.#file.use();
  }

  /** The file goes once nobody reads it any more. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#file.release();
  }
}

const fsWrite = promisify(fs.write);
const fsRead = promisify(fs.read);

/** What is read at once, without a wait; a larger part comes in pieces. */
const wholeBytes = 64 << 10;
const pieceBytes = 256 << 10;

/** The bytes of a part: small ones at once, others as they are read. */
export function readRange(range: ArchiveRange): Uint8Array | AsyncIterable<Uint8Array> {
  if (range.size > wholeBytes) return readPieces(range);
  const { descriptor, close } = range.archive.open();
  try {
    const bytes = Buffer.allocUnsafe(range.size);
    for (let read = 0; read < range.size; ) {
      const more = fs.readSync(descriptor, bytes, read, range.size - read, range.start + read);
      if (more === 0) throw truncated(range.archive);
      read += more;
    }
    return bytes;
  } finally {
    close();
  }
}

async function* readPieces({ archive, start, size }: ArchiveRange): AsyncGenerator<Uint8Array, void> {
  const { descriptor, close } = archive.open();
  try {
    for (let read = 0; read < size; ) {
      const piece = Buffer.allocUnsafe(Math.min(pieceBytes, size - read));
      const { bytesRead } = await fsRead(descriptor, piece, 0, piece.length, start + read);
      if (bytesRead === 0) throw truncated(archive);
      read += bytesRead;
      yield piece.subarray(0, bytesRead);
    }
  } finally {
    close();
  }
}

/** The bytes of a part as a stream. */
export async function* streamRange(range: ArchiveRange): AsyncGenerator<Uint8Array, void> {
  const bytes = readRange(range);
  if (bytes instanceof Uint8Array) yield bytes;
  else yield* bytes;
}

export function truncated({ name }: Archive): LocalSourceError {
  return new LocalSourceError(name, `${name} ends in the middle of an entry`);
}
