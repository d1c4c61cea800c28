import fs from "node:fs";
import { BuildkitError } from "@buildkit-node/core";
import type { Destination, Place } from "./destination.ts";
import type { Directory } from "./directory-handles.ts";
import { applyMetadata, type Metadata, type Owner } from "./entry-metadata.ts";

/** A file with contents that are to come. */
export interface TargetFile extends Place, Metadata {
  /** The file's only piece so far. */
  held: Buffer | undefined;
  temporary: Temporary | undefined;
}

/** A file that is being written under a name of its own. */
interface Temporary {
  readonly descriptor: number;
  readonly place: Place;
}

/** Files whose contents are on their way at a time. A daemon sends a few. */
const maxFilesInProgress = 512;
/** The first piece of a file is kept for as long as the next one is awaited; a larger one is written at once. */
const maxHeldBytes = 64 << 10;

const createFlags =
  fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_EXCL | (fs.constants.O_NOFOLLOW ?? 0);

/** Writes the contents of files, piece by piece. A file gets its name only when it is complete. */
export class FileWriter {
  readonly #destination: Destination;
  readonly #self: Owner | undefined;
  readonly #inProgress = new Set<TargetFile>();
  /** Directories in which new files get the owner that they are to have. */
  readonly #ownedByDefault = new Set<Directory>();

  /** `self` is who owns new files, unless their directory says otherwise. */
  constructor(destination: Destination, self: Owner | undefined) {
    this.#destination = destination;
    this.#self = self;
  }

  /** Takes a piece of a file's contents; an empty one is the end, which answers true: the file is complete. */
  write(file: TargetFile, piece: Buffer): boolean {
    return this.#destination.guard(file, () => {
      if (piece.length > 0) {
        this.#add(file, piece);
        return false;
      }
      this.#inProgress.delete(file);
      if (file.temporary === undefined) this.#writeWhole(file);
      else this.#complete(file, file.temporary);
      return true;
    });
  }

  /** Drops what is not complete. */
  discard(): void {
    for (const { temporary } of this.#inProgress) if (temporary !== undefined) this.#drop(temporary);
    this.#inProgress.clear();
  }

  #add(file: TargetFile, piece: Buffer): void {
    if (file.temporary === undefined && file.held === undefined) {
      if (this.#inProgress.size >= maxFilesInProgress) throw tooManyFiles();
      this.#inProgress.add(file);
      if (piece.length <= maxHeldBytes) {
        file.held = piece;
        return;
      }
    }
    file.temporary ??= this.#openTemporary(file.directory);
    if (file.held !== undefined) writeAll(file.temporary.descriptor, file.held);
    file.held = undefined;
    writeAll(file.temporary.descriptor, piece);
  }

  #writeWhole(file: TargetFile): void {
    this.#destination.replace(file, (path) => {
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

  #openTemporary(directory: Directory): Temporary {
    const place = this.#destination.temporary(directory);
    return { descriptor: fs.openSync(this.#destination.entry(place), createFlags, 0o600), place };
  }

  #complete(file: TargetFile, temporary: Temporary): void {
    try {
      this.#setMetadata(temporary.descriptor, file);
    } catch (error) {
      this.#drop(temporary);
      throw error;
    }
    fs.closeSync(temporary.descriptor);
    this.#destination.rename(temporary.place, file);
  }

  #drop({ descriptor, place }: Temporary): void {
    fs.closeSync(descriptor);
    this.#destination.remove(place);
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
