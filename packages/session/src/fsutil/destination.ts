import { randomBytes } from "node:crypto";
import fs from "node:fs";
import { BuildkitError } from "@buildkit-node/core";
import { type ByteString, fromText, toText } from "./byte-string.ts";
import { cannotWrite } from "./destination-error.ts";
import { type Directory, DirectoryHandles, exists } from "./directory-handles.ts";
import { systemCode } from "./local-source-error.ts";
import { makeDirectories, removeEmptyDirectories } from "./make-directories.ts";

/** An entry of a directory. */
export interface Place {
  readonly directory: Directory;
  readonly name: ByteString;
}

/**
 * The directory that a tree is written to: gives entries their names, all at once or not at all, and remembers which were
 * not there before, so that they can be taken back.
 */
export class Destination {
  readonly root: Directory = { parent: undefined, name: "", path: "", isNew: false };
  /** For people to read. */
  readonly #shown: ByteString;
  readonly #handles: DirectoryHandles;
  /** The destination and the directories that it lies in, as far as they were not there. */
  readonly #made: readonly string[];
  /** What is new in directories that are not. What is in a new directory goes with it. */
  readonly #created: Place[] = [];

  /**
   * Makes the directory if there is none. Throws a `DestinationError` if that cannot be. `shown` is the path that is spoken of
   * in its place.
   */
  constructor(directory: string, shown: string = directory) {
    this.#shown = fromText(shown);
    try {
      this.#made = makeDirectories(directory);
    } catch (error) {
      throw cannotWrite(shown, error);
    }
    this.#handles = new DirectoryHandles(fromText(directory));
  }

  /** The path by which an entry is to be used at once; another call may close what it goes through. */
  entry({ directory, name }: Place): string | Buffer {
    return this.#handles.entry(directory, name);
  }

  /** Runs `use` with a descriptor of the directory, which it must not close. */
  withDescriptor(directory: Directory, use: (descriptor: number) => void): void {
    this.#handles.withDescriptor(directory, use);
  }

  /** What there is of the name; links are not followed. */
  stat(place: Place): fs.Stats | undefined {
    return fs.lstatSync(this.entry(place), { throwIfNoEntry: false });
  }

  /** Makes a directory unless there is one; what else has the name makes room. Answers whether it is new. */
  makeDirectory(place: Place): boolean {
    const path = this.entry(place);
    try {
      fs.mkdirSync(path, 0o700);
    } catch (error) {
      if (!exists(error)) throw error;
      if (fs.lstatSync(path).isDirectory()) return false;
      fs.unlinkSync(path);
      fs.mkdirSync(path, 0o700);
    }
    this.#noteCreated(place);
    return true;
  }

  /** Makes an entry under its name, or beside it and in its place if there is one already. */
  replace(place: Place, make: (path: string | Buffer) => void): void {
    try {
      make(this.entry(place));
      this.#noteCreated(place);
    } catch (error) {
      if (!exists(error)) throw error;
      const temporary = this.temporary(place.directory);
      this.#orRemove(temporary, () => make(this.entry(temporary)));
      this.rename(temporary, place);
    }
  }

  /** A name in a directory that nothing has. */
  temporary(directory: Directory): Place {
    return { directory, name: `.buildkit-node-${randomBytes(8).toString("hex")}.tmp` };
  }

  /** Gives an entry that is complete its name; what had it before is gone. The entry is, too, when that fails. */
  rename(from: Place, to: Place): void {
    this.#orRemove(from, () => this.#put(() => this.entry(from), to));
  }

  /** Gives an entry from somewhere else its place; what had it before is gone. */
  take(from: string | Buffer, to: Place): void {
    this.#put(() => from, to);
  }

  /**
   * Removes an entry with everything in it, if there is one, also from directories of the caller's that are read-only. (The
   * recursive `rm` of Node goes by paths: through a link that takes a directory's place meanwhile, and no deeper than these.)
   */
  remove(place: Place): void {
    // Not by calls within calls: a tree may be deeper than these can be.
    const left = [{ place, isEmptied: false }];
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      if (this.#removeAtOnce(next.place, next.isEmptied)) continue;
      left.push({ place: next.place, isEmptied: true });
      for (const inside of this.#entries(below(next.place))) left.push({ place: inside, isEmptied: false });
    }
  }

  /** Lets entries be made in a directory of the caller's; it gets its own permissions when it is finished. */
  makeWritable(directory: Directory): void {
    this.withDescriptor(directory, (descriptor) => {
      const { mode, uid } = fs.fstatSync(descriptor);
      if ((mode & 0o300) !== 0o300 && uid === process.geteuid?.()) fs.fchmodSync(descriptor, mode | 0o700);
    });
  }

  /** Removes everything that was not there before. */
  removeCreated(): void {
    for (const place of this.#created.splice(0)) this.remove(place);
    removeEmptyDirectories(this.#made);
  }

  close(): void {
    this.#handles.close();
  }

  /** The path for people to read. */
  display({ directory, name }: Place): string {
    return toText([this.#shown, directory.path, name].filter((part) => part !== "").join("/"));
  }

  /** Runs `work`; what the system refuses in it becomes an error that names the place. */
  guard<T>(place: Place, work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw systemCode(error) === undefined || BuildkitError.is(error)
        ? error
        : cannotWrite(this.display(place), error);
    }
  }

  /** Does something to an entry that is not complete; it is gone when that fails, if that can be. */
  #orRemove(temporary: Place, work: () => void): void {
    try {
      work();
    } catch (error) {
      try {
        this.remove(temporary);
      } catch {
        // Why it failed matters more.
      }
      throw error;
    }
  }

  /** Answers false for a directory that is to be emptied first. One that is empty need not be readable. */
  #removeAtOnce(place: Place, isEmptied: boolean): boolean {
    try {
      if (this.stat(place)?.isDirectory() === true) fs.rmdirSync(this.entry(place));
      else fs.unlinkSync(this.entry(place));
    } catch (error) {
      if (!isEmptied && (exists(error) || systemCode(error) === "ENOTEMPTY")) return false;
      if (systemCode(error) !== "ENOENT") throw error;
    }
    return true;
  }

  /** What there is in a directory that is to be removed; it is made writable for that. */
  #entries(directory: Directory): Place[] {
    try {
      this.makeWritable(directory);
      const names = fs.readdirSync(this.entry({ directory, name: "." }), "latin1");
      return names.map((name) => ({ directory, name }));
    } catch (error) {
      if (systemCode(error) === "ENOENT") return [];
      throw error;
    }
  }

  #put(from: () => string | Buffer, to: Place): void {
    const old = this.stat(to);
    if (old?.isDirectory() === true) this.remove(to);
    fs.renameSync(from(), this.entry(to));
    if (old === undefined) this.#noteCreated(to);
  }

  #noteCreated(place: Place): void {
    if (!place.directory.isNew) this.#created.push(place);
  }
}

/** The directory that an entry is. */
export function below({ directory: parent, name }: Place, isNew = false): Directory {
  return { parent, name, path: parent.path === "" ? name : `${parent.path}/${name}`, isNew };
}
