import { create } from "@bufbuild/protobuf";
import { InvalidArgumentError } from "@buildkit-node/core";
import { CacheSharingOpt, type Mount as MountMessage, MountSchema, MountType } from "@buildkit-node/proto/pb";
import type { Reference, ReferenceOwner } from "../reference.ts";

/** Something that processes of a container see at a path. Changes in it are thrown away, but those in a cache. */
export type ContainerMount = TreeMount | CacheMount | TmpfsMount | SecretMount | SshMount;

interface Mount {
  /** Absolute path in the container. */
  readonly target: string;
}

/** The files of a reference. */
export interface TreeMount extends Mount {
  readonly type?: "bind";
  /** Absent for an empty directory. */
  readonly ref?: Reference;
  /** A directory of the tree to show in place of its root. */
  readonly path?: string;
  readonly readonly?: boolean;
}

/** A directory that stays from build to build. */
export interface CacheMount extends Mount {
  readonly type: "cache";
  readonly id: string;
  /** Default: `shared`. */
  readonly sharing?: "shared" | "private" | "locked";
  /** What it begins with. */
  readonly ref?: Reference;
  readonly path?: string;
}

/** A directory in memory. */
export interface TmpfsMount extends Mount {
  readonly type: "tmpfs";
}

/** A file with a secret of the session. */
export interface SecretMount extends Mount, MountOwner {
  readonly type: "secret";
  readonly id: string;
}

/** A socket of an SSH agent of the session. */
export interface SshMount extends Mount, MountOwner {
  readonly type: "ssh";
  /** Default: `default`. */
  readonly id?: string;
}

interface MountOwner {
  readonly uid?: number;
  readonly gid?: number;
  /** Permission bits. Default: 0o400 for a secret, 0o600 for a socket. */
  readonly mode?: number;
  /** Without it, making the container fails when the session has no such thing. Default: false. */
  readonly optional?: boolean;
}

const sharings = {
  shared: CacheSharingOpt.SHARED,
  private: CacheSharingOpt.PRIVATE,
  locked: CacheSharingOpt.LOCKED,
} as const;

/** @throws {InvalidArgumentError} unless the paths are absolute and different and one tree stands at `/` */
export function checkMounts(mounts: readonly ContainerMount[]): void {
  const targets = new Set<string>();
  for (const mount of mounts) {
    if (!mount.target.startsWith("/")) {
      throw new InvalidArgumentError(
        "mounts",
        mount.target,
        `the mount ${mount.target} must be an absolute path`,
      );
    }
    if (targets.has(mount.target)) {
      throw new InvalidArgumentError("mounts", mount.target, `two mounts stand at ${mount.target}`);
    }
    if (mount.target === "/" && (mount.type ?? "bind") !== "bind") {
      throw new InvalidArgumentError(
        "mounts",
        mount.type,
        `the mount at / must be a tree of files, not ${mount.type}`,
      );
    }
    targets.add(mount.target);
  }
  if (!targets.has("/")) {
    throw new InvalidArgumentError(
      "mounts",
      [...targets],
      "a container needs a mount at /: its root file system",
    );
  }
}

/** @throws {InvalidArgumentError} for a reference of another build */
export function mountToProto(owner: ReferenceOwner, mount: ContainerMount): MountMessage {
  const dest = mount.target;
  if (mount.type === "tmpfs") return create(MountSchema, { dest, mountType: MountType.TMPFS });
  if (mount.type === "secret") {
    const secretOpt = { ID: mount.id, ...permissions(mount, 0o400) };
    return create(MountSchema, { dest, mountType: MountType.SECRET, secretOpt });
  }
  if (mount.type === "ssh") {
    const SSHOpt = { ID: mount.id ?? "default", ...permissions(mount, 0o600) };
    return create(MountSchema, { dest, mountType: MountType.SSH, SSHOpt });
  }
  const files = { dest, resultID: mount.ref?.idFor(owner, "mounts") ?? "", selector: mount.path ?? "" };
  if (mount.type === "cache") {
    const cacheOpt = { ID: mount.id, sharing: sharings[mount.sharing ?? "shared"] };
    return create(MountSchema, { ...files, mountType: MountType.CACHE, cacheOpt });
  }
  return create(MountSchema, { ...files, mountType: MountType.BIND, readonly: mount.readonly ?? false });
}

function permissions({ uid = 0, gid = 0, mode, optional = false }: MountOwner, defaultMode: number) {
  return { uid, gid, mode: mode ?? defaultMode, optional };
}
