import type { CopyAction, FileAction } from "../file-action.ts";
import type { Owner, OwnerPart } from "../owner.ts";
import type { OpCopy, OpFileAction, OpOwner, OpUser } from "../wire/op.ts";

/** Where an action stands among the inputs and the other actions of its op. */
export interface ActionPlace {
  readonly input: number;
  readonly secondaryInput: number;
  readonly output: number;
}

/** Writes a file action. Names of owners are looked up in the input with the number `base`. */
export function fileAction(action: FileAction, base: number, place: ActionPlace): OpFileAction {
  const { input, secondaryInput, output } = place;
  switch (action.kind) {
    case "mkdir": {
      const { path, mode, parents, timestamp } = action;
      const mkdir = { path, mode, parents, owner: ownerOf(action.owner, base), timestamp };
      return { input, secondaryInput, output, mkdir };
    }
    case "mkfile": {
      const { path, mode, data, timestamp } = action;
      const mkfile = { path, mode, data, owner: ownerOf(action.owner, base), timestamp };
      return { input, secondaryInput, output, mkfile };
    }
    case "symlink": {
      const { oldPath, newPath, timestamp } = action;
      const symlink = { oldPath, newPath, owner: ownerOf(action.owner, base), timestamp };
      return { input, secondaryInput, output, symlink };
    }
    case "rm": {
      const { path, allowNotFound, wildcard } = action;
      return { input, secondaryInput, output, rm: { path, allowNotFound, wildcard } };
    }
    case "copy":
      return { input, secondaryInput, output, copy: copyOf(action, base) };
  }
}

/** A change of permission bits stands in a field of its own, and then there is no mode. */
function copyOf(action: CopyAction, base: number): OpCopy {
  const { mode } = action;
  return {
    src: action.src,
    dest: action.dest,
    owner: ownerOf(action.owner, base),
    mode: typeof mode === "number" ? mode : undefined,
    followSymlinks: action.followSymlinks,
    contentsOnly: action.contentsOnly,
    attemptUnpack: action.attemptUnpack,
    createDestPath: action.createDestPath,
    wildcard: action.wildcard,
    allowEmptyWildcard: action.allowEmptyWildcard,
    timestamp: action.timestamp,
    include: action.include,
    exclude: action.exclude,
    alwaysReplaceExisting: action.alwaysReplaceExisting,
    modeText: typeof mode === "string" ? mode : undefined,
    requiredPaths: action.requiredPaths,
  };
}

function ownerOf(owner: Owner | undefined, base: number): OpOwner | undefined {
  return owner === undefined
    ? undefined
    : { user: userOf(owner.user, base), group: userOf(owner.group, base) };
}

function userOf(part: OwnerPart | undefined, base: number): OpUser | undefined {
  if (part === undefined) {
    return undefined;
  }
  return "name" in part ? { byName: { name: part.name, input: base } } : { byId: part.id };
}
