import { LlbError, shown } from "./error.ts";
import { type Owner, type OwnerOption, ownerOf } from "./owner.ts";
import type { Place } from "./place.ts";
import type { State } from "./state.ts";
import { checkText, checkTexts } from "./text.ts";
import type { Int } from "./wire/field.ts";

/** A change to files. Relative paths are below the directory of the state that is changed. */
export type FileAction = MkdirAction | MkfileAction | SymlinkAction | RmAction | CopyAction;

/** One action or several; each works on the result of the one before. */
export type FileActions = FileAction | readonly FileAction[];

export interface MkdirAction {
  readonly kind: "mkdir";
  readonly path: string;
  readonly mode: number;
  readonly parents: boolean;
  readonly owner: Owner | undefined;
  readonly timestamp: Int;
}

export interface MkfileAction {
  readonly kind: "mkfile";
  readonly path: string;
  readonly mode: number;
  readonly data: Uint8Array;
  readonly owner: Owner | undefined;
  readonly timestamp: Int;
}

export interface SymlinkAction {
  readonly kind: "symlink";
  readonly oldPath: string;
  readonly newPath: string;
  readonly owner: Owner | undefined;
  readonly timestamp: Int;
}

export interface RmAction {
  readonly kind: "rm";
  readonly path: string;
  readonly allowNotFound: boolean;
  readonly wildcard: boolean;
}

export interface CopyAction {
  readonly kind: "copy";
  readonly from: State | StagedFiles;
  readonly src: string;
  readonly dest: string;
  /** Permission bits, or -1 to keep them; absent beside `modeText`. */
  readonly mode: number | undefined;
  /** A change of the permission bits. */
  readonly modeText: string | undefined;
  readonly followSymlinks: boolean;
  readonly contentsOnly: boolean;
  readonly attemptUnpack: boolean;
  readonly createDestPath: boolean;
  readonly wildcard: boolean;
  readonly allowEmptyWildcard: boolean;
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly requiredPaths: readonly string[];
  readonly alwaysReplaceExisting: boolean;
  readonly owner: Owner | undefined;
  readonly timestamp: Int;
}

/** Files that actions make on top of a state, only to be copied from. */
export interface StagedFiles {
  readonly kind: "staged";
  readonly state: State;
  readonly actions: readonly FileAction[];
}

/** What the actions that make something have in common. */
export interface CreateOptions {
  /** Default: root. */
  readonly owner?: OwnerOption;
  /** A point in time from 1677-09-22 to 2262-04-11, or nanoseconds since 1970. Default: the time of the build. */
  readonly createdAt?: Date | bigint;
}

/** How {@link copy} copies. */
export interface CopyOptions extends CreateOptions {
  /** Permission bits, or a change in the words of chmod such as `u=rwX,go=rX`. Default: those of the source. */
  readonly mode?: number | string;
  /** Copies what a link points to in the place of the link. Default: false. */
  readonly followSymlinks?: boolean;
  /** Copies what is in a directory, not the directory. Default: false. */
  readonly contentsOnly?: boolean;
  /** Unpacks an archive, as `ADD` does. Default: false. */
  readonly attemptUnpack?: boolean;
  /** Makes the directories above the destination. Default: false. */
  readonly createDestPath?: boolean;
  /** The source is a pattern such as `*.json`. Default: false. */
  readonly wildcard?: boolean;
  /** A pattern may match nothing. Default: false. */
  readonly allowEmptyWildcard?: boolean;
  /** Copies only what one of these patterns matches. BuildKit 0.9 and later. */
  readonly include?: readonly string[];
  /** Leaves out what one of these patterns matches. BuildKit 0.9 and later. */
  readonly exclude?: readonly string[];
  /** Paths, from the root of the source, that must be among what is copied. BuildKit 0.26 and later. */
  readonly requiredPaths?: readonly string[];
  /** Replaces what is at the destination even when it is of another kind. BuildKit 0.19 and later. */
  readonly alwaysReplaceExisting?: boolean;
}

/**
 * Makes a directory. What is there already stays as it is.
 *
 * @throws LlbError with reason `file-action` for a mode beyond the permission bits, which BuildKit would drop
 */
export function mkdir(
  path: string,
  options: CreateOptions & {
    /** Permission bits. Default: `0o755`. */
    readonly mode?: number;
    /** Makes the directories above. Default: false. */
    readonly parents?: boolean;
  } = {},
): MkdirAction {
  const { mode = 0o755, parents = false } = options;
  checkText(path, mkdir);
  checkPermissions("mkdir", path, mode, mkdir);
  return Object.freeze({
    kind: "mkdir",
    path,
    mode,
    parents,
    owner: ownerIn(options, mkdir),
    timestamp: timestampIn(options, mkdir),
  });
}

/**
 * Makes a file.
 *
 * @throws LlbError with reason `file-action` for a mode beyond the permission bits, which BuildKit would drop
 */
export function mkfile(
  path: string,
  data: string | Uint8Array,
  options: CreateOptions & {
    /** Permission bits. Default: `0o644`. */
    readonly mode?: number;
  } = {},
): MkfileAction {
  const { mode = 0o644 } = options;
  checkText(path, mkfile);
  checkPermissions("mkfile", path, mode, mkfile);
  return Object.freeze({
    kind: "mkfile",
    path,
    mode,
    data: contentOf(data, mkfile),
    owner: ownerIn(options, mkfile),
    timestamp: timestampIn(options, mkfile),
  });
}

/**
 * Makes a symbolic link at `newPath` that holds `oldPath`. Unlike other paths neither is changed: a relative `newPath` is
 * below `/`, not below the state's directory. BuildKit 0.15 and later.
 */
export function symlink(oldPath: string, newPath: string, options: CreateOptions = {}): SymlinkAction {
  checkTexts([oldPath, newPath], symlink);
  return Object.freeze({
    kind: "symlink",
    oldPath,
    newPath,
    owner: ownerIn(options, symlink),
    timestamp: timestampIn(options, symlink),
  });
}

/** Removes a file or a directory with all that is in it. */
export function rm(
  path: string,
  options: {
    /** It may be gone already. Default: false. */
    readonly allowNotFound?: boolean;
    /** The path is a pattern. Default: false. */
    readonly wildcard?: boolean;
  } = {},
): RmAction {
  const { allowNotFound = false, wildcard = false } = options;
  checkText(path, rm);
  return Object.freeze({ kind: "rm", path, allowNotFound, wildcard });
}

/**
 * Copies from another state. A relative `src` is below that state's directory, a relative `dest` below the directory of
 * the state that is changed; a slash at the end of `dest` says that it is a directory.
 *
 * @throws LlbError with reason `file-action` when `from` is no state, or for a mode that is no mode
 */
export function copy(
  from: State | StagedFiles,
  src: string,
  dest: string,
  options: CopyOptions = {},
): CopyAction {
  if (typeof from !== "object" || from === null) {
    throw new LlbError(`copy of ${shown(src)}: the source is ${shown(from)}, not a state`, {
      reason: "file-action",
      value: from,
      place: copy,
    });
  }
  checkText(src, copy);
  checkText(dest, copy);
  const { mode = -1, include = none, exclude = none, requiredPaths = none } = options;
  if (typeof mode === "string") {
    checkText(mode, copy);
  } else if (options.mode !== undefined && !isMode(mode, 0o7777)) {
    throw modeError("copy", src, mode, "is not a mode from 0 to 0o7777", copy);
  }
  return Object.freeze({
    kind: "copy",
    from,
    src,
    dest,
    mode: typeof mode === "number" ? mode : undefined,
    modeText: typeof mode === "string" ? mode : undefined,
    followSymlinks: options.followSymlinks ?? false,
    contentsOnly: options.contentsOnly ?? false,
    attemptUnpack: options.attemptUnpack ?? false,
    createDestPath: options.createDestPath ?? false,
    wildcard: options.wildcard ?? false,
    allowEmptyWildcard: options.allowEmptyWildcard ?? false,
    include: copied(include, copy),
    exclude: copied(exclude, copy),
    requiredPaths: copied(requiredPaths, copy),
    alwaysReplaceExisting: options.alwaysReplaceExisting ?? false,
    owner: ownerIn(options, copy),
    timestamp: timestampIn(options, copy),
  });
}

/** Carries out actions on a state inside the op that copies from the result; used twice, they are carried out once. */
export function staged(state: State, actions: FileActions): StagedFiles {
  return Object.freeze({ kind: "staged", state, actions: actionList(actions, staged) });
}

/** One action or several as a list of their own, which is not empty. */
export function actionList(actions: FileActions, place: Place): readonly FileAction[] {
  const list: readonly FileAction[] = isList(actions) ? [...actions] : [actions];
  if (list.length === 0 || list.some((action) => action === null || action === undefined)) {
    throw new LlbError("a file action is missing", { reason: "file-action", value: actions, place });
  }
  return list;
}

function isList(actions: FileActions): actions is readonly FileAction[] {
  return Array.isArray(actions);
}

const none: readonly string[] = Object.freeze([]);

/** A list that the caller cannot change afterwards. */
function copied(list: readonly string[], place: Place): readonly string[] {
  if (list.length === 0) {
    return none;
  }
  checkTexts(list, place);
  return Object.freeze([...list]);
}

function ownerIn({ owner }: CreateOptions, place: Place): Owner | undefined {
  return owner === undefined ? undefined : ownerOf(owner, place);
}

/** Nanoseconds since 1970, or -1 for the time of the build. */
function timestampIn({ createdAt }: CreateOptions, place: Place): Int {
  return createdAt === undefined ? -1 : nanoseconds(createdAt, place);
}

function nanoseconds(time: Date | bigint, place: Place): bigint {
  if (typeof time !== "bigint" && Number.isNaN(time.getTime())) {
    throw new LlbError("createdAt is an invalid date", { reason: "file-action", value: time, place });
  }
  const value = typeof time === "bigint" ? time : BigInt(time.getTime()) * 1_000_000n;
  if (BigInt.asIntN(64, value) !== value) {
    const given = typeof time === "bigint" ? time : time.toISOString();
    const message = `createdAt ${given} does not fit an op: it must lie between 1677-09-22 and 2262-04-11`;
    throw new LlbError(message, { reason: "file-action", value: time, place });
  }
  return value;
}

function checkPermissions(what: string, path: string, mode: number, place: Place): void {
  if (!isMode(mode, 0o777)) {
    throw modeError(what, path, mode, "is not made of permission bits alone (0 to 0o777)", place);
  }
}

function isMode(mode: number, largest: number): boolean {
  return Number.isInteger(mode) && mode >= 0 && mode <= largest;
}

function modeError(what: string, path: string, mode: number, why: string, place: Place): LlbError {
  const octal = Number.isInteger(mode) && mode >= 0 ? `0o${mode.toString(8)}` : String(mode);
  return new LlbError(`${what} of ${shown(path)}: mode ${octal} ${why}`, {
    reason: "file-action",
    value: mode,
    place,
  });
}

function contentOf(data: string | Uint8Array, place: Place): Uint8Array {
  if (typeof data !== "string") {
    return Uint8Array.from(data);
  }
  checkText(data, place);
  return new TextEncoder().encode(data);
}
