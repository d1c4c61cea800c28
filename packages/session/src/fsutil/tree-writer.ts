import { randomBytes } from "node:crypto";
import fs from "node:fs";
import { BuildkitError } from "@buildkit-node/core";
import { type ByteString, fromText, toText } from "./byte-string.ts";
import { cannotWrite, DestinationError } from "./destination-error.ts";
import { type Directory, DirectoryHandles, exists } from "./directory-handles.ts";
import { isDirectory, isSpecial, isSymlink, Mode, toUnixPermissions } from "./file-mode.ts";
import { toFsTime } from "./file-times.ts";
import { systemCode } from "./local-source-error.ts";
import type { SplitPath } from "./order-validator.ts";
import { makeSpecialFile } from "./special-file.ts";
import type { FileStat } from "./stat.ts";
import { Turn } from "./turn.ts";

/** Who owns what is written. */
export type Ownership =
  /** The user who runs this process. */
  | "self"
  /** Whom the daemon names; needs the privilege to give files away. */
  | "preserve"
  /** Always this one. */
  | { readonly uid: number; readonly gid: number };

/** Files whose contents are on their way at a time. A daemon sends a few. */
const maxFilesInProgress = 512;
/** The first piece of a file is kept for as long as the next one is awaited; a larger one is written at once. */
const maxHeldBytes = 64 << 10;

/**
 * Writes a tree into a directory, entry by entry. What is there stays, unless an entry of the same name replaces it.
 * A file gets its name only when it is complete. Its callers have checked order and form of the entries.
 */
export class TreeWriter {
  readonly #root: ByteString;
  readonly #ownership: Ownership;
  readonly #self: Owner | undefined = currentOwner();
  readonly #handles: DirectoryHandles;
  readonly #directories = new Map<ByteString, WrittenDirectory>();
  readonly #inProgress = new Set<TargetFile>();
  readonly #hardLinks: { readonly place: Place; readonly target: ByteString }[] = [];
  readonly #specials: { readonly place: Place; readonly stat: FileStat }[] = [];
  /** Directories in which new files get the owner that they are to have. */
  readonly #ownedByDefault = new Set<Directory>();
  /** What is new in a directory that was there before, for `discard`. */
  readonly #created: Place[] = [];
  readonly #rootCreated: string | undefined;

  /** Makes the directory if there is none. Throws a `DestinationError` if that cannot be. */
  constructor(options: { readonly dest: string; readonly ownership: Ownership }) {
    this.#root = fromText(options.dest);
    this.#ownership = options.ownership;
    try {
      this.#rootCreated = fs.mkdirSync(options.dest, { recursive: true, mode: 0o755 });
    } catch (error) {
      throw cannotWrite(options.dest, error);
    }
    this.#handles = new DirectoryHandles(this.#root);
    const root = { parent: undefined, name: "", path: "" };
    this.#directories.set("", {
      directory: root,
      metadata: undefined,
      isNew: this.#rootCreated !== undefined,
    });
  }

  /** Writes an entry that is not a file with contents of its own. */
  add(path: SplitPath, stat: FileStat): void {
    const place = this.#place(path);
    this.#guard(place, () => {
      if (isDirectory(stat.mode)) this.#addDirectory(place, stat);
      else if (isSymlink(stat.mode)) this.#addSymlink(place, stat);
      else if (stat.linkname !== "") this.#hardLinks.push({ place, target: stat.linkname });
      else if (isSpecial(stat.mode)) this.#specials.push({ place, stat });
      else
        throw new DestinationError(
          this.#display(place),
          `${this.#display(place)} is of a kind that cannot be written`,
        );
    });
  }

  /** Takes down where a file with contents of its own goes. Nothing is written before its contents come. */
  expect(path: SplitPath, stat: FileStat): TargetFile {
    const { directory, name } = this.#place(path);
    const { owner, permissions, time } = this.#metadata(stat);
    return { directory, name, owner, permissions, time, held: undefined, temporary: undefined };
  }

  /** Takes a piece of a file's contents; an empty one is the end, which answers true: the file is complete. */
  write(file: TargetFile, piece: Buffer): boolean {
    return this.#guard(file, () => {
      if (piece.length === 0) {
        this.#inProgress.delete(file);
        if (file.temporary === undefined) this.#writeWhole(file);
        else this.#complete(file, file.temporary);
        return true;
      }
      if (file.temporary === undefined && file.held === undefined) {
        if (this.#inProgress.size >= maxFilesInProgress) throw tooManyFiles();
        this.#inProgress.add(file);
        if (piece.length <= maxHeldBytes) {
          file.held = piece;
          return false;
        }
      }
      file.temporary ??= this.#openTemporary(file);
      if (file.held !== undefined) writeAll(file.temporary.descriptor, file.held);
      file.held = undefined;
      writeAll(file.temporary.descriptor, piece);
      return false;
    });
  }

  /** Writes what has to come last: links, special files, and the modes and times of directories. */
  async finish(): Promise<void> {
    const turn = new Turn();
    for (const { place, target } of this.#hardLinks) {
      this.#guard(place, () => this.#addHardLink(place, target));
      if (turn.over) await turn.next();
    }
    for (const { place, stat } of this.#specials) await this.#addSpecial(place, stat);
    for (const written of [...this.#directories.values()].reverse()) {
      if (written.metadata !== undefined) this.#finishDirectory(written.directory, written.metadata);
      if (turn.over) await turn.next();
    }
    this.#handles.close();
  }

  /** Takes back what was written, as far as it was not there before. What was replaced is not restored. */
  discard(): void {
    for (const { directory, temporary } of this.#inProgress) {
      if (temporary !== undefined) this.#dropTemporary(directory, temporary);
    }
    this.#inProgress.clear();
    try {
      if (this.#rootCreated !== undefined) fs.rmSync(this.#rootCreated, removal);
      else
        for (const { directory, name } of this.#created)
          fs.rmSync(this.#handles.entry(directory, name), removal);
    } finally {
      this.#handles.close();
    }
  }

  // Entries

  #addDirectory(place: Place, stat: FileStat): void {
    const { directory, name } = place;
    const path = this.#handles.entry(directory, name);
    let isNew = true;
    try {
      fs.mkdirSync(path, 0o700);
    } catch (error) {
      if (!exists(error)) throw error;
      isNew = !fs.lstatSync(path).isDirectory();
      if (isNew) {
        fs.unlinkSync(path);
        fs.mkdirSync(path, 0o700);
      }
    }
    if (isNew) this.#noteCreated(place);
    const metadata = this.#metadata(stat);
    this.#directories.set(stat.path, {
      directory: { parent: directory, name, path: stat.path },
      metadata,
      isNew,
    });
  }

  #finishDirectory(directory: Directory, metadata: Metadata): void {
    this.#guard({ directory, name: "" }, () => {
      this.#handles.withDescriptor(directory, (descriptor) =>
        applyMetadata(descriptor, metadata.owner, metadata),
      );
    });
  }

  #addSymlink(place: Place, stat: FileStat): void {
    const target = Buffer.from(stat.linkname, "latin1");
    const { owner, time } = this.#metadata(stat);
    this.#replace(place, (path) => {
      fs.symlinkSync(target, path);
      if (owner !== undefined) fs.lchownSync(path, owner.uid, owner.gid);
      fs.lutimesSync(path, time, time);
    });
  }

  #addHardLink(place: Place, target: ByteString): void {
    const slash = target.lastIndexOf("/");
    const { directory, name } = this.#place({
      directory: slash < 0 ? "" : target.slice(0, slash),
      name: target.slice(slash + 1),
    });
    const stat = fs.lstatSync(this.#handles.entry(directory, name), { throwIfNoEntry: false });
    if (stat === undefined || stat.isDirectory() || stat.isSymbolicLink()) {
      throw new BuildkitError(
        "ERR_BUILDKIT_PROTOCOL",
        `the daemon sent the link ${this.#display(place)} to "${toText(target)}", which is no file`,
      );
    }
    this.#replace(place, (path) => fs.linkSync(this.#handles.entry(directory, name), path));
  }

  async #addSpecial(place: Place, stat: FileStat): Promise<void> {
    // The tools take a name that is text, and a path that is valid in another process.
    const name = temporaryName();
    try {
      const path = this.#handles
        .entry(place.directory, name)
        .toString()
        .replace("/proc/self/", `/proc/${process.pid}/`);
      await makeSpecialFile(path, stat);
      this.#guard(place, () => {
        const made = this.#handles.entry(place.directory, name);
        const { owner, permissions, time } = this.#metadata(stat);
        if (owner !== undefined) fs.lchownSync(made, owner.uid, owner.gid);
        fs.chmodSync(made, permissions);
        fs.lutimesSync(made, time, time);
        this.#rename(place, name);
      });
    } catch (error) {
      const path = this.#display(place);
      const kind = stat.mode & Mode.namedPipe ? "a named pipe" : "a device";
      const advice = "export to a tar file instead, or leave the file out";
      throw new DestinationError(
        path,
        `cannot make ${kind} at ${path} (it needs mkfifo or mknod, and the privilege): ${advice}`,
        {
          cause: error,
        },
      );
    }
  }

  // Files

  #writeWhole(file: TargetFile): void {
    this.#replace(file, (path) => {
      const descriptor = fs.openSync(path, createFlags, 0o600);
      try {
        if (file.held !== undefined) writeAll(descriptor, file.held);
        this.#setMetadata(descriptor, file);
      } catch (error) {
        fs.unlinkSync(path);
        throw error;
      } finally {
        fs.closeSync(descriptor);
      }
    });
  }

  #openTemporary({ directory }: Place): Temporary {
    const name = temporaryName();
    return { descriptor: fs.openSync(this.#handles.entry(directory, name), createFlags, 0o600), name };
  }

  #complete(file: TargetFile, temporary: Temporary): void {
    try {
      this.#setMetadata(temporary.descriptor, file);
    } catch (error) {
      this.#dropTemporary(file.directory, temporary);
      throw error;
    }
    fs.closeSync(temporary.descriptor);
    this.#rename(file, temporary.name);
  }

  #dropTemporary(directory: Directory, { descriptor, name }: Temporary): void {
    fs.closeSync(descriptor);
    fs.rmSync(this.#handles.entry(directory, name), { force: true });
  }

  /** Sets a new file's owner, unless the directory is known to give its files the right one. */
  #setMetadata(descriptor: number, file: TargetFile): void {
    const { owner, directory } = file;
    if (owner !== undefined && owner === this.#self) {
      if (this.#ownedByDefault.has(directory)) {
        applyMetadata(descriptor, undefined, file);
        return;
      }
      const { uid, gid } = fs.fstatSync(descriptor);
      if (uid === owner.uid && gid === owner.gid) this.#ownedByDefault.add(directory);
    }
    applyMetadata(descriptor, owner, file);
  }

  #metadata(stat: FileStat): Metadata {
    const owner =
      this.#ownership === "self" ? this.#self : this.#ownership === "preserve" ? pick(stat) : this.#ownership;
    return { owner, permissions: toUnixPermissions(stat.mode), time: toFsTime(stat.mtimeNs) };
  }

  // Places

  /** Makes an entry under its name, or beside it and in its place if there is one already. */
  #replace(place: Place, make: (path: string | Buffer) => void): void {
    try {
      make(this.#handles.entry(place.directory, place.name));
      this.#noteCreated(place);
    } catch (error) {
      if (!exists(error)) throw error;
      const name = temporaryName();
      make(this.#handles.entry(place.directory, name));
      this.#rename(place, name);
    }
  }

  #rename(place: Place, from: ByteString): void {
    const to = this.#handles.entry(place.directory, place.name);
    const old = fs.lstatSync(to, { throwIfNoEntry: false });
    if (old?.isDirectory() === true) fs.rmSync(to, removal);
    fs.renameSync(this.#handles.entry(place.directory, from), to);
    if (old === undefined) this.#noteCreated(place);
  }

  #noteCreated(place: Place): void {
    // What is in a new directory goes with it.
    if (this.#directories.get(place.directory.path)?.isNew === false) this.#created.push(place);
  }

  #place({ directory, name }: SplitPath): Place {
    const parent = this.#directories.get(directory)?.directory;
    if (parent === undefined)
      throw new BuildkitError("ERR_BUILDKIT_PROTOCOL", `the directory ${toText(directory)} is unknown`);
    return { directory: parent, name };
  }

  #display({ directory, name }: Place): string {
    return toText([this.#root, directory.path, name].filter((part) => part !== "").join("/"));
  }

  #guard<T>(place: Place, work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw systemCode(error) === undefined || BuildkitError.is(error)
        ? error
        : cannotWrite(this.#display(place), error);
    }
  }
}

/** An entry of a directory. */
interface Place {
  readonly directory: Directory;
  readonly name: ByteString;
}

/** A file with contents that are to come. */
export interface TargetFile extends Place, Metadata {
  /** The file's only piece so far. */
  held: Buffer | undefined;
  temporary: Temporary | undefined;
}

/** A file that is being written under a name of its own. */
interface Temporary {
  readonly descriptor: number;
  readonly name: ByteString;
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

interface Metadata {
  /** `undefined` where there are no owners. */
  readonly owner: Owner | undefined;
  readonly permissions: number;
  readonly time: number | Date;
}

interface WrittenDirectory {
  readonly directory: Directory;
  /** `undefined` for the destination itself. */
  readonly metadata: Metadata | undefined;
  readonly isNew: boolean;
}

/** Owner first: giving a file away clears its setuid and setgid bits. */
function applyMetadata(
  descriptor: number,
  owner: Owner | undefined,
  { permissions, time }: Pick<Metadata, "permissions" | "time">,
): void {
  if (owner !== undefined) fs.fchownSync(descriptor, owner.uid, owner.gid);
  fs.fchmodSync(descriptor, permissions);
  fs.futimesSync(descriptor, time, time);
}

function pick({ uid, gid }: FileStat): Owner {
  return { uid, gid };
}

const createFlags =
  fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_EXCL | (fs.constants.O_NOFOLLOW ?? 0);

const removal = { recursive: true, force: true } as const;

/** The user who runs this process; `undefined` where there are no owners. */
function currentOwner(): Owner | undefined {
  if (process.geteuid === undefined || process.getegid === undefined) return undefined;
  return { uid: process.geteuid(), gid: process.getegid() };
}

function temporaryName(): ByteString {
  return `.buildkit-node-${randomBytes(8).toString("hex")}.tmp`;
}

function writeAll(descriptor: number, bytes: Buffer): void {
  for (let written = 0; written < bytes.length; ) written += fs.writeSync(descriptor, bytes, written);
}

function tooManyFiles(): BuildkitError {
  return new BuildkitError(
    "ERR_BUILDKIT_PROTOCOL",
    `the daemon sent more than ${maxFilesInProgress} files at a time`,
  );
}
