import fs from "node:fs";
import { BuildkitError } from "@buildkit-node/core";
import { type ByteString, toText } from "./byte-string.ts";
import { below, Destination, type Place } from "./destination.ts";
import { DestinationError } from "./destination-error.ts";
import type { Directory } from "./directory-handles.ts";
import { applyMetadata, type Metadata, MetadataRule, type Ownership } from "./entry-metadata.ts";
import { isDirectory, isSpecial, isSymlink, Mode } from "./file-mode.ts";
import { FileWriter, type TargetFile } from "./file-writer.ts";
import { ObsoleteEntries } from "./obsolete-entries.ts";
import type { SplitPath } from "./order-validator.ts";
import { makeSpecialFile } from "./special-file.ts";
import type { FileStat } from "./stat.ts";
import { Turn } from "./turn.ts";

export interface TreeWriterOptions {
  /** The destination's absolute path. */
  readonly dest: string;
  /** The path that errors name in its place. */
  readonly shown: string;
  readonly ownership: Ownership;
  /** Whether what is there and is not part of the tree is removed in the end. */
  readonly deletes: boolean;
}

/**
 * Writes a tree into a directory, entry by entry. An entry replaces what has its name. Its callers have checked order and
 * form of the entries.
 */
export class TreeWriter {
  readonly #destination: Destination;
  readonly #metadata: MetadataRule;
  readonly #files: FileWriter;
  readonly #obsolete: ObsoleteEntries | undefined;
  readonly #directories = new Map<ByteString, Directory>();
  /** The metadata of directories, which are set once everything is in them. */
  readonly #unfinished: { readonly directory: Directory; readonly metadata: Metadata }[] = [];
  readonly #hardLinks: { readonly place: Place; readonly target: ByteString }[] = [];
  readonly #specials: { readonly place: Place; readonly stat: FileStat }[] = [];

  /** Makes the directory if there is none. Throws a `DestinationError` if that cannot be. */
  constructor({ dest, shown, ownership, deletes }: TreeWriterOptions) {
    this.#destination = new Destination(dest, shown);
    this.#metadata = new MetadataRule(ownership);
    this.#files = new FileWriter(this.#destination, this.#metadata.self);
    const { root } = this.#destination;
    this.#directories.set("", root);
    this.#obsolete = deletes ? new ObsoleteEntries(this.#destination) : undefined;
    this.#obsolete?.enter(root);
  }

  /** Writes an entry that is not a file with contents of its own. */
  add(path: SplitPath, stat: FileStat): void {
    const place = this.#place(path);
    this.#obsolete?.keep(place);
    this.#destination.guard(place, () => {
      if (isDirectory(stat.mode)) this.#addDirectory(place, stat);
      else if (isSymlink(stat.mode)) this.#addSymlink(place, stat);
      else if (stat.linkname !== "") this.#hardLinks.push({ place, target: stat.linkname });
      else if (isSpecial(stat.mode)) this.#specials.push({ place, stat });
      else {
        const shown = this.#destination.display(place);
        throw new DestinationError(shown, `${shown} is of a kind that cannot be written`);
      }
    });
  }

  /** Takes down where a file with contents of its own goes. Nothing is written before its contents come. */
  expect(path: SplitPath, stat: FileStat): TargetFile {
    const place = this.#place(path);
    this.#obsolete?.keep(place);
    const { directory, name } = place;
    const { owner, permissions, time } = this.#metadata.of(stat);
    return { directory, name, owner, permissions, time, held: undefined, temporary: undefined };
  }

  /** Takes a piece of a file's contents; an empty one is the end, which answers true: the file is complete. */
  write(file: TargetFile, piece: Buffer): boolean {
    return this.#files.write(file, piece);
  }

  /** Writes what has to come last: special files, links, also to those, and the modes and times of directories. */
  async finish(): Promise<void> {
    const turn = new Turn();
    for (const { place, stat } of this.#specials) await this.#addSpecial(place, stat);
    for (const { place, target } of this.#hardLinks) {
      this.#destination.guard(place, () => this.#addHardLink(place, target));
      if (turn.over) await turn.next();
    }
    for (const place of this.#obsolete?.found() ?? []) {
      this.#destination.guard(place, () => this.#destination.remove(place));
      if (turn.over) await turn.next();
    }
    for (const { directory, metadata } of this.#unfinished.reverse()) {
      this.#finishDirectory(directory, metadata);
      if (turn.over) await turn.next();
    }
    this.#destination.close();
  }

  /** Takes back what was written, as far as it was not there before. What was replaced is not restored. */
  discard(): void {
    try {
      this.#files.discard();
      this.#destination.removeCreated();
    } finally {
      this.#destination.close();
    }
  }

  #addDirectory(place: Place, stat: FileStat): void {
    const isNew = this.#destination.makeDirectory(place);
    const directory = below(place, isNew);
    this.#directories.set(stat.path, directory);
    this.#unfinished.push({ directory, metadata: this.#metadata.of(stat) });
    if (isNew) return;
    this.#destination.makeWritable(directory);
    this.#obsolete?.enter(directory);
  }

  #finishDirectory(directory: Directory, metadata: Metadata): void {
    this.#destination.guard({ directory, name: "" }, () => {
      this.#destination.withDescriptor(directory, (descriptor) =>
        applyMetadata(descriptor, metadata.owner, metadata),
      );
    });
  }

  #addSymlink(place: Place, stat: FileStat): void {
    const target = Buffer.from(stat.linkname, "latin1");
    const { owner, time } = this.#metadata.of(stat);
    this.#destination.replace(place, (path) => {
      fs.symlinkSync(target, path);
      try {
        if (owner !== undefined) fs.lchownSync(path, owner.uid, owner.gid);
        fs.lutimesSync(path, time, time);
      } catch (error) {
        fs.unlinkSync(path);
        throw error;
      }
    });
  }

  #addHardLink(place: Place, target: ByteString): void {
    const slash = target.lastIndexOf("/");
    const directory = slash < 0 ? "" : target.slice(0, slash);
    const original = this.#place({ directory, name: target.slice(slash + 1) });
    const stat = this.#destination.stat(original);
    if (stat === undefined || stat.isDirectory() || stat.isSymbolicLink()) {
      throw new BuildkitError(
        "ERR_BUILDKIT_PROTOCOL",
        `the daemon sent the link ${this.#destination.display(place)} to "${toText(target)}", which is no file`,
      );
    }
    this.#destination.replace(place, (path) => fs.linkSync(this.#destination.entry(original), path));
  }

  async #addSpecial(place: Place, stat: FileStat): Promise<void> {
    // The tools take a name that is text, and a path that is valid in another process.
    const temporary = this.#destination.temporary(place.directory);
    const { owner, permissions, time } = this.#metadata.of(stat);
    try {
      const path = this.#destination.entry(temporary).toString();
      await makeSpecialFile(path.replace("/proc/self/", `/proc/${process.pid}/`), stat);
      const made = this.#destination.entry(temporary);
      if (owner !== undefined) fs.lchownSync(made, owner.uid, owner.gid);
      fs.chmodSync(made, permissions);
      fs.lutimesSync(made, time, time);
      this.#destination.rename(temporary, place);
    } catch (cause) {
      this.#destination.remove(temporary);
      const path = this.#destination.display(place);
      const kind = stat.mode & Mode.namedPipe ? "a named pipe" : "a device";
      const advice = "export to a tar file instead, or leave the file out";
      throw new DestinationError(
        path,
        `cannot make ${kind} at ${path} (it needs mkfifo or mknod, and the privilege): ${advice}`,
        { cause },
      );
    }
  }

  #place({ directory, name }: SplitPath): Place {
    const parent = this.#directories.get(directory);
    if (parent === undefined)
      throw new BuildkitError("ERR_BUILDKIT_PROTOCOL", `the directory ${toText(directory)} is unknown`);
    return { directory: parent, name };
  }
}
