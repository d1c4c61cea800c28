import fs from "node:fs";
import { toUnixPermissions } from "./file-mode.ts";
import { toFsTime } from "./file-times.ts";
import type { FileStat } from "./stat.ts";

/** Who owns what is written. */
export type Ownership =
  /** The user who runs this process. */
  | "self"
  /** Whom the daemon names; needs the privilege to give files away. */
  | "preserve"
  /** Always this one. */
  | Owner
  /** Whom the function answers for the owner that the daemon names; needs the privilege, too. */
  | ((owner: Owner) => Owner);

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** What an entry is given besides its contents. */
export interface Metadata {
  /** `undefined` where there are no owners. */
  readonly owner: Owner | undefined;
  readonly permissions: number;
  readonly time: number | Date;
}

/** Says what each entry that arrives is given. */
export class MetadataRule {
  readonly #ownership: Ownership;
  /** The user who runs this process; `undefined` where there are no owners. */
  readonly self: Owner | undefined = currentOwner();

  constructor(ownership: Ownership) {
    this.#ownership = ownership;
  }

  of(stat: FileStat): Metadata {
    return {
      owner: this.#owner(stat),
      permissions: toUnixPermissions(stat.mode),
      time: toFsTime(stat.mtimeNs),
    };
  }

  #owner({ uid, gid }: FileStat): Owner | undefined {
    if (this.#ownership === "self") return this.self;
    if (this.#ownership === "preserve") return { uid, gid };
    return typeof this.#ownership === "function" ? this.#ownership({ uid, gid }) : this.#ownership;
  }
}

/** Sets what a file or directory is given. The owner comes first: giving a file away clears its setuid and setgid bits. */
export function applyMetadata(
  descriptor: number,
  owner: Owner | undefined,
  { permissions, time }: Pick<Metadata, "permissions" | "time">,
): void {
  if (owner !== undefined) fs.fchownSync(descriptor, owner.uid, owner.gid);
  fs.fchmodSync(descriptor, permissions);
  fs.futimesSync(descriptor, time, time);
}

function currentOwner(): Owner | undefined {
  if (process.geteuid === undefined || process.getegid === undefined) return undefined;
  return { uid: process.geteuid(), gid: process.getegid() };
}
