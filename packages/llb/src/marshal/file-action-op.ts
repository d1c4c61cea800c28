import type { BoundFileAction } from "../file-action.ts";
import type { Owner, OwnerPart } from "../owner.ts";
import type { OpCopy, OpFileAction, OpOwner, OpUser } from "../wire/op.ts";

/** Writes a file action. Names of owners are looked up in the input with the number `base`. */
export function fileAction(action: BoundFileAction, base: number): OpFileAction {
  switch (action.kind) {
    case "mkdir": {
      const { path, mode, parents, timestamp } = action;
      return { mkdir: { path, mode, parents, ...ownerOf(action.owner, base), timestamp } };
    }
    case "mkfile": {
      const { path, mode, data, timestamp } = action;
      return { mkfile: { path, mode, data, ...ownerOf(action.owner, base), timestamp } };
    }
    case "symlink": {
      const { oldPath, newPath, timestamp } = action;
      return { symlink: { oldPath, newPath, ...ownerOf(action.owner, base), timestamp } };
    }
    case "rm": {
      const { path, allowNotFound, wildcard } = action;
      return { rm: { path, allowNotFound, wildcard } };
    }
    case "copy":
      return { copy: copyOf(action, base) };
  }
}

function copyOf(
  { src, dest, options, owner, timestamp }: BoundFileAction & { kind: "copy" },
  base: number,
): OpCopy {
  const { mode = -1, owner: _, createdAt: __, ...switches } = options;
  return {
    src,
    dest,
    ...ownerOf(owner, base),
    ...(typeof mode === "number" ? { mode } : { modeText: mode }),
    ...switches,
    timestamp,
  };
}

function ownerOf(owner: Owner | undefined, base: number): { readonly owner?: OpOwner } {
  if (owner === undefined) {
    return {};
  }
  const { user, group } = owner;
  return {
    owner: {
      ...(user !== undefined && { user: userOf(user, base) }),
      ...(group !== undefined && { group: userOf(group, base) }),
    },
  };
}

function userOf(part: OwnerPart, base: number): OpUser {
  return "name" in part ? { byName: { name: part.name, input: base } } : { byId: part.id };
}
