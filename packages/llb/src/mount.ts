import { checkChoice } from "./check-choice.ts";
import { LlbError, type LlbErrorReason, shown } from "./error.ts";
import { checkInt64 } from "./int64.ts";
import type { Place } from "./place.ts";
import type { State } from "./state.ts";
import { checkText, checkTexts } from "./text.ts";
import type { Output } from "./vertex.ts";
import type { Int } from "./wire/field.ts";

/** Anything that a step can be given in its filesystem beside its root. */
export type Mount = BindMount | CacheMount | TmpfsMount | SecretMount | SshMount;

/** Whether a mount takes part in the cache key by its content. BuildKit 0.26 and later. */
export type ContentCache = "default" | "on" | "off";

/** The files of a state. */
export interface BindMount<Target extends string = string, HasOutput extends boolean = boolean> {
  readonly kind: "bind";
  readonly target: Target;
  readonly source: State;
  readonly path: string;
  readonly readonly: boolean;
  readonly output: HasOutput;
  readonly contentCache: ContentCache;
}

/** A directory that outlives builds on the daemon. */
export interface CacheMount {
  readonly kind: "cache";
  readonly target: string;
  readonly id: string;
  readonly sharing: CacheSharing;
  readonly source: State | undefined;
  readonly path: string;
  readonly readonly: boolean;
  readonly contentCache: ContentCache;
}

/** What happens when two steps want one cache: both get it, the second gets another, or it waits. */
export type CacheSharing = "shared" | "private" | "locked";

/** A directory in memory, empty at first and gone afterwards. */
export interface TmpfsMount {
  readonly kind: "tmpfs";
  readonly target: string;
  readonly sizeBytes: Int;
  readonly readonly: boolean;
  readonly contentCache: ContentCache;
}

/** A secret as a file, as a variable, or as both. */
export interface SecretMount {
  readonly kind: "secret";
  readonly id: string;
  readonly target: string | undefined;
  readonly env: string | undefined;
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
  readonly optional: boolean;
}

/** The socket of an SSH agent. */
export interface SshMount {
  readonly kind: "ssh";
  readonly id: string;
  /** Empty for the default place. */
  readonly target: string;
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
  readonly optional: boolean;
}

/** Who owns a mounted file, and what may be done with it. */
export interface MountedFileOptions {
  /** Default: 0. */
  readonly uid?: number;
  /** Default: 0. */
  readonly gid?: number;
  /** Permission bits. Default: `0o400` for secrets, `0o600` for sockets. */
  readonly mode?: number;
  /** The step runs even when there is no such secret or socket. Default: false. */
  readonly optional?: boolean;
}

/**
 * Mounts a state. What the step writes there is an output, unless it is read-only or `output` is false.
 *
 * @throws LlbError with reason `mount` for an empty target, or a `contentCache` that cannot be
 */
export function bind<const Target extends string>(
  target: Target,
  source: State,
  options: BindOptions & ({ readonly readonly: true } | { readonly output: false }),
): BindMount<Target, false>;
export function bind<const Target extends string>(
  target: Target,
  source: State,
  options?: BindOptions & { readonly readonly?: false; readonly output?: true },
): BindMount<Target, true>;
export function bind<const Target extends string>(
  target: Target,
  source: State,
  options?: BindOptions,
): BindMount<Target>;
export function bind(target: string, source: State, options: BindOptions = {}): BindMount {
  const { path = "", readonly = false, output = !readonly, contentCache = "default" } = options;
  checkTarget(target, bind);
  checkText(path, bind);
  checkChoice("contentCache", contentCache, contentCaches, { reason: "mount", place: bind });
  if (readonly && output) {
    refuse("mount", output, `mount ${shown(target)}: a read-only mount has no output`, bind);
  }
  if (contentCache === "on" && output && path !== "") {
    refuse(
      "mount",
      contentCache,
      `mount ${shown(target)}: content is cached only for a whole source, or one that is read-only or has no output`,
      bind,
    );
  }
  return Object.freeze({ kind: "bind", target, source, path, readonly, output, contentCache });
}

/** How a state is mounted. */
export interface BindOptions {
  /** The part of the source to mount. Default: all of it. */
  readonly path?: string;
  /** Default: false. */
  readonly readonly?: boolean;
  /** Whether what the step leaves there can be used. Default: true, unless the mount is read-only. */
  readonly output?: boolean;
  /** Default: `default`. */
  readonly contentCache?: ContentCache;
}

/**
 * Mounts a directory that the daemon keeps from build to build.
 *
 * @throws LlbError with reason `mount` for an empty target or id
 */
export function cache(
  target: string,
  options: {
    /** The name of the cache. Default: the target. */
    readonly id?: string;
    /** Default: `shared`. */
    readonly sharing?: CacheSharing;
    /** What the cache holds at first. Default: nothing. */
    readonly from?: State;
    /** The part of `from` to mount. Default: all of it. */
    readonly path?: string;
    /** Default: false. */
    readonly readonly?: boolean;
    /** Default: `default`. */
    readonly contentCache?: ContentCache;
  } = {},
): CacheMount {
  const {
    id = target,
    sharing = "shared",
    from,
    path = "",
    readonly = false,
    contentCache = "default",
  } = options;
  checkTarget(target, cache);
  checkText(id, cache);
  checkText(path, cache);
  checkChoice("contentCache", contentCache, contentCaches, { reason: "mount", place: cache });
  checkChoice("sharing", sharing, sharings, { reason: "mount", place: cache });
  if (id === "") {
    refuse("mount", id, `cache mount ${shown(target)}: the id is empty`, cache);
  }
  return Object.freeze({ kind: "cache", target, id, sharing, source: from, path, readonly, contentCache });
}

/**
 * Mounts an empty directory in memory.
 *
 * @throws LlbError with reason `mount` for an empty target or a size that is no size
 */
export function tmpfs(
  target: string,
  options: {
    /** The largest size. Default: the daemon's. */
    readonly sizeBytes?: Int;
    /** Default: false. */
    readonly readonly?: boolean;
    /** Default: `default`. */
    readonly contentCache?: ContentCache;
  } = {},
): TmpfsMount {
  const { sizeBytes = 0, readonly = false, contentCache = "default" } = options;
  checkTarget(target, tmpfs);
  checkChoice("contentCache", contentCache, contentCaches, { reason: "mount", place: tmpfs });
  checkInt64(sizeBytes, `tmpfs mount ${shown(target)}: size`, tmpfs);
  if (sizeBytes < 0) {
    refuse("mount", sizeBytes, `tmpfs mount ${shown(target)}: ${sizeBytes} is no size in bytes`, tmpfs);
  }
  return Object.freeze({ kind: "tmpfs", target, sizeBytes, readonly, contentCache });
}

/**
 * Gives a step a secret: as a file, as a variable, or as both. With neither `target` nor `env` it is the file
 * `/run/secrets/<id>`.
 *
 * @throws LlbError with reason `secret` for an empty id or name, or numbers that do not fit
 */
export function secret(
  id: string,
  options: MountedFileOptions & {
    /** The path of the file. */
    readonly target?: string;
    /** The name of the variable. BuildKit 0.14 and later. */
    readonly env?: string;
  } = {},
): SecretMount {
  const { env, target = env === undefined ? `/run/secrets/${id}` : undefined } = options;
  const { uid = 0, gid = 0, mode = 0o400, optional = false } = options;
  if (id === "" || env === "" || target === "") {
    refuse("secret", options, `secret ${shown(id)}: id, target and env may be absent but not empty`, secret);
  }
  checkTexts([id, target, env], secret);
  checkNumbers("secret", id, { uid, gid, mode }, secret);
  return Object.freeze({ kind: "secret", id, target, env, uid, gid, mode, optional });
}

/**
 * Gives a step the socket of an SSH agent, and names it in `SSH_AUTH_SOCK` unless that is set.
 *
 * @throws LlbError with reason `secret` for numbers that do not fit
 */
export function ssh(
  options: MountedFileOptions & {
    /** The name of the agent in the session. Default: the session's `default` one. */
    readonly id?: string;
    /** The path of the socket. Default: `/run/buildkit/ssh_agent.<n>`. */
    readonly target?: string;
  } = {},
): SshMount {
  const { id = "", target = "", uid = 0, gid = 0, mode = 0o600, optional = false } = options;
  checkTexts([id, target], ssh);
  checkNumbers("SSH socket", id, { uid, gid, mode }, ssh);
  return Object.freeze({ kind: "ssh", id, target, uid, gid, mode, optional });
}

/** A mount that is given out by its target: neither a secret nor a socket. */
export type FileMount = Omit<BindMount, "source"> | Omit<CacheMount, "source"> | TmpfsMount;

/** A mount in its place in a command. */
export interface BoundMount {
  readonly target: string;
  readonly source: Output | undefined;
  /** The number of its output, -1 for none. */
  readonly output: number;
  readonly mount: FileMount;
}

/** Refuses a path that is none. */
export function checkTarget(target: string, place: Place): void {
  checkText(target, place);
  if (target === "") {
    refuse("mount", target, "a mount needs a target: the path is empty", place);
  }
}

const contentCaches: readonly ContentCache[] = ["default", "on", "off"];
const sharings: readonly CacheSharing[] = ["shared", "private", "locked"];

function checkNumbers(
  what: string,
  id: string,
  numbers: Readonly<Record<string, number>>,
  place: Place,
): void {
  for (const [name, value] of Object.entries(numbers)) {
    if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) {
      refuse(
        "secret",
        value,
        `${what} ${shown(id)}: ${name} ${value} is not a whole number from 0 to 2^32-1`,
        place,
      );
    }
  }
}

function refuse(reason: LlbErrorReason, value: unknown, message: string, place: Place): never {
  throw new LlbError(message, { reason, value, place });
}
