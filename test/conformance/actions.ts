import * as llb from "@buildkit-node/llb";
import {
  Actions,
  type Arguments,
  flag,
  Group,
  int,
  number,
  Owner,
  optional,
  StateValue,
  state,
  Time,
  text,
  texts,
  type Value,
} from "./values.ts";

/** The file actions of the language by name: each makes one action from its arguments. */
const makers = new Map<string, (args: Arguments) => llb.FileAction | Promise<llb.FileAction>>([
  [
    "mkdir",
    (args) =>
      llb.mkdir(text(args.get(0)), {
        mode: permissions(args.get("mode")),
        parents: flag(args.get("parents")),
        ...createOptions(args),
      }),
  ],
  [
    "mkfile",
    (args) =>
      llb.mkfile(text(args.get(0)), data(args.get("data")), {
        mode: permissions(args.get("mode")),
        ...createOptions(args),
      }),
  ],
  [
    "symlink",
    (args) => llb.symlink(text(args.get("oldpath")), text(args.get("newpath")), createOptions(args)),
  ],
  [
    "rm",
    (args) =>
      llb.rm(text(args.get(0)), {
        allowNotFound: flag(args.get("allowNotFound")),
        wildcard: flag(args.get("allowWildcard")),
      }),
  ],
  [
    "copy",
    async (args) =>
      llb.copy(
        await copySource(args.get("from")),
        text(args.get("src")),
        text(args.get("dest")),
        copyOptions(args),
      ),
  ],
]);

/** The functions of the language that start a chain of file actions. */
export const actionFunctions: ReadonlyMap<string, (args: Arguments) => Value> = new Map(
  [...makers].map(([name, make]) => [
    name,
    (args: Arguments) => new Actions([() => Promise.resolve(make(args))]),
  ]),
);

/** What can be called on a chain: it is made longer, or put on a state. */
export async function actionMethod(on: Actions, name: string, args: Arguments): Promise<Value> {
  const make = makers.get(name);
  if (make !== undefined) {
    return new Actions([...on.list, async () => make(args)]);
  }
  if (name !== "onState") {
    throw new TypeError(`file actions have no method ${name}`);
  }
  const target = state(args.get(0));
  return new Group(async () => llb.staged(await target.force(), await actionsOf(on)));
}

/** The actions of a chain, or what stands in their place. */
export async function actionsOf(value: Value | undefined): Promise<readonly llb.FileAction[]> {
  const actions: llb.FileAction[] = [];
  for (const make of value instanceof Actions ? value.list : []) {
    actions.push(await make());
  }
  return actions;
}

async function copySource(from: Value | undefined): Promise<llb.State | llb.StagedFiles> {
  return from instanceof StateValue || from instanceof Group ? await from.force() : (null as never);
}

/** Permission bits: the reference cuts off what is beyond them, our API refuses it. */
function permissions(value: Value | undefined): number {
  return Number(int(value ?? 0n) & 0o777n);
}

function data(value: Value | undefined): string | Uint8Array {
  return value instanceof Uint8Array ? value : text(value ?? "");
}

function createOptions(args: Arguments): llb.CreateOptions {
  const owner = args.get("owner");
  const createdAt = args.get("createdAt");
  return {
    ...(owner instanceof Owner && { owner: owner.option }),
    ...(createdAt instanceof Time && { createdAt: createdAt.nanoseconds }),
  };
}

function copyOptions(args: Arguments): llb.CopyOptions {
  const modeText = optional(args.get("modeStr"), text) ?? "";
  const isWritten = args.get("mode") !== undefined || args.get("modeStr") !== undefined;
  const lists = (["include", "exclude", "requiredPaths"] as const).flatMap((name) => {
    const value = optional(args.get(name), texts);
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    ...createOptions(args),
    ...(isWritten && { mode: modeText === "" ? (optional(args.get("mode"), number) ?? 0) : modeText }),
    ...Object.fromEntries(lists),
    followSymlinks: flag(args.get("followSymlinks")),
    contentsOnly: flag(args.get("contentsOnly")),
    attemptUnpack: flag(args.get("attemptUnpack")),
    createDestPath: flag(args.get("createDestPath")),
    wildcard: flag(args.get("allowWildcard")),
    allowEmptyWildcard: flag(args.get("allowEmptyWildcard")),
    alwaysReplaceExisting: flag(args.get("alwaysReplaceExisting")),
  };
}
