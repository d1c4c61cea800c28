import * as llb from "@buildkit-node/llb";
import { stepOptions } from "./constraints.ts";
import type { Evaluator } from "./evaluator.ts";
import { changeOf, isChange } from "./state-changes.ts";
import {
  type Arguments,
  type ExecValue,
  flag,
  int,
  list,
  NotOfferedError,
  number,
  Option,
  optional,
  StateValue,
  state,
  text,
  texts,
  uint32,
  type Value,
  Values,
} from "./values.ts";

/** The root filesystem after a command. */
export async function rootOf(exec: ExecValue, evaluator: Evaluator): Promise<StateValue> {
  return await evaluator.state(async () => {
    if (!isReadonlyRoot(exec)) {
      return (await execOf(exec)).root;
    }
    // The command is not part of it: nobody notices then what is wrong with it.
    const base = await exec.base.force();
    return (await changesOf(exec)).reduce((next, change) => change(next), base).reset(base);
  });
}

/** What is mounted at a target after a command, with fresh settings; nothing where nothing is mounted. */
export async function mountOf(exec: ExecValue, target: string): Promise<StateValue> {
  // Whether a mount can be used is found out by whoever uses it.
  return new StateValue(async () => {
    if (target === "/") {
      return (await execOf(exec)).root.reset(llb.scratch());
    }
    const mount = exec.mounts.find(({ name, named }) => name === "mount" && named.get("target") === target);
    return mount === undefined ? llb.scratch() : await mountedState(exec, mount);
  });
}

/** Adds a mount to a command; the result has the settings of the mount's source. */
export async function addMount(exec: ExecValue, args: Arguments): Promise<StateValue> {
  const mount = new Option("mount", [], args.named);
  exec.mounts.push(mount);
  return new StateValue(async () => {
    const source = await state(mount.named.get("source")).force();
    return (await mountedState(exec, mount)).reset(source);
  });
}

/** What is in a mount afterwards; of one that is read-only the command is no part. */
async function mountedState(exec: ExecValue, mount: Option): Promise<llb.State> {
  const target = text(mount.named.get("target"));
  if (flag(mount.named.get("readonly"))) {
    return (await state(mount.named.get("source")).force()).reset(llb.scratch());
  }
  const output = (await execOf(exec)).mounts[target];
  if (output === undefined) {
    throw new NotOfferedError(`what is written to the mount at ${target} cannot be used`);
  }
  return output;
}

function isReadonlyRoot({ options }: ExecValue): boolean {
  return options.some(({ name }) => name === "readonlyRootfs");
}

function changesOf({ options }: ExecValue): Promise<readonly ((state: llb.State) => llb.State)[]> {
  return Promise.all(options.filter(isChange).map(changeOf));
}

const made = new WeakMap<ExecValue, { readonly mounts: number; readonly exec: Promise<llb.Exec> }>();

/** The command with all mounts that it has by now. */
function execOf(value: ExecValue): Promise<llb.Exec> {
  const before = made.get(value);
  if (before?.mounts === value.mounts.length) {
    return before.exec;
  }
  const exec = makeExec(value);
  made.set(value, { mounts: value.mounts.length, exec });
  return exec;
}

async function makeExec(exec: ExecValue): Promise<llb.Exec> {
  const { base, options, mounts } = exec;
  const step = await stepOptions(options);
  const listed: llb.Mount[] = [];
  for (const mount of mounts) {
    listed.push(...(await mountsFrom(mount)));
  }
  const changes = await changesOf(exec);
  const proxy = options.findLast(({ name }) => name === "proxyEnv")?.named;
  const settings = sinceReset(options);
  const codes = settings.findLast(({ name }) => name === "validExitCodes")?.args[0];
  const exitCodes = codes === undefined ? [] : list(codes).map(number);
  const devices = options.filter(({ name }) => name === "cdiDevice");
  return (await base.force()).exec(argsOf(settings), {
    ...step,
    mounts: listed,
    with: (from) => changes.reduce((next, change) => change(next), from),
    readonlyRoot: isReadonlyRoot(exec),
    ...(exitCodes.length > 0 && { validExitCodes: exitCodes }),
    ...(proxy !== undefined && { proxy: proxyOf(proxy) }),
    devices: devices.map(({ named }) => ({
      name: text(named.get("name")),
      optional: flag(named.get("optional")),
    })),
  });
}

/** In the reference the arguments and exit codes are settings of a state, and forgotten with them. */
function sinceReset(options: readonly Option[]): readonly Option[] {
  return options.slice(options.findLastIndex(isReset) + 1);
}

function isReset({ name, args }: Option): boolean {
  return name === "reset" || (name === "with" && args.some((arg) => arg instanceof Option && isReset(arg)));
}

/** The arguments that were given last. */
function argsOf(options: readonly Option[]): readonly string[] {
  const option = options.findLast(({ name }) => name === "args" || name === "shlex");
  if (option === undefined) {
    return [];
  }
  return option.name === "args" ? texts(option.args[0]) : llb.shlex(text(option.args[0]));
}

function proxyOf(named: ReadonlyMap<string, Value>): llb.ProxyEnv {
  const part = (name: string) => optional(named.get(name), text) ?? "";
  return { http: part("http"), https: part("https"), ftp: part("ftp"), no: part("no"), all: part("all") };
}

async function mountsFrom({ name, named }: Option): Promise<readonly llb.Mount[]> {
  switch (name) {
    case "secret":
      return secretFrom(named);
    case "ssh":
      return [
        llb.ssh({
          id: optional(named.get("id"), text) ?? "",
          target: optional(named.get("target"), text) ?? "",
          ...fileOf(named, 0o600n),
        }),
      ];
    default:
      return [await stateMount(named)];
  }
}

/** A secret that is neither a file nor a variable stands nowhere in the op. */
function secretFrom(named: ReadonlyMap<string, Value>): readonly llb.Mount[] {
  const target = optional(named.get("target"), text);
  const env = optional(named.get("env"), text);
  return target === undefined && env === undefined
    ? []
    : [
        llb.secret(text(named.get("id")), {
          ...fileOf(named, 0o400n),
          ...(target !== undefined && { target }),
          ...(env !== undefined && { env }),
        }),
      ];
}

function fileOf(named: ReadonlyMap<string, Value>, mode: bigint): llb.MountedFileOptions {
  return {
    uid: uint32(named.get("uid") ?? 0n),
    gid: uint32(named.get("gid") ?? 0n),
    mode: uint32(named.get("mode") ?? mode),
    optional: flag(named.get("optional")),
  };
}

async function stateMount(named: ReadonlyMap<string, Value>): Promise<llb.Mount> {
  const target = text(named.get("target"));
  const source = await state(named.get("source")).force();
  const cache = named.get("cache");
  const tmpfs = named.get("tmpfs");
  const path = optional(named.get("sourcePath"), text) ?? "";
  const readonly = flag(named.get("readonly"));
  const contentCache = (optional(named.get("contentCache"), text) ?? "default") as llb.ContentCache;
  if (tmpfs instanceof Values) {
    if (cache !== undefined || path !== "" || source.isOpen || source.output !== undefined) {
      throw new NotOfferedError("a tmpfs mount is neither a cache nor does it show a state");
    }
    return llb.tmpfs(target, { sizeBytes: int(tmpfs.entries.get("size") ?? 0n), readonly, contentCache });
  }
  if (cache instanceof Values) {
    return llb.cache(target, {
      id: text(cache.entries.get("id")),
      sharing: text(cache.entries.get("sharing")) as llb.CacheSharing,
      from: source,
      path,
      readonly,
      contentCache,
    });
  }
  const output = !readonly && !flag(named.get("noOutput"));
  return llb.bind(target, source, { path, readonly, output, contentCache });
}
