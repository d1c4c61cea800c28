import type { FileAction } from "../file-action.ts";
import type { Owner, OwnerPart } from "../owner.ts";
import type { OpFileAction, OpOwner, OpUser } from "../wire/op.ts";

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
    case "mkdir":
      return { input, secondaryInput, output, mkdir: isRoots(action) ? action : owned(action, base) };
    case "mkfile":
      return { input, secondaryInput, output, mkfile: isRoots(action) ? action : owned(action, base) };
    case "symlink":
      return { input, secondaryInput, output, symlink: isRoots(action) ? action : owned(action, base) };
    case "rm":
      return { input, secondaryInput, output, rm: action };
    case "copy":
      return { input, secondaryInput, output, copy: isRoots(action) ? action : owned(action, base) };
  }
}

interface MaybeOwned {
  readonly owner: Owner | undefined;
}

/** Whether nobody is named as the owner: then the action has the form of the op already. */
function isRoots<A extends MaybeOwned>(action: A): action is A & { readonly owner: undefined } {
  return action.owner === undefined;
}

function owned<A extends MaybeOwned>(
  action: A,
  base: number,
): Omit<A, "owner"> & { readonly owner: OpOwner | undefined } {
  return { ...action, owner: ownerOf(action.owner, base) };
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
