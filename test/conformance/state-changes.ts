import type * as llb from "@buildkit-node/llb";
import { rawPlatform, stepOptions } from "./constraints.ts";
import { int, number, type Option, optional, state, text, type Value } from "./values.ts";

type Change = (state: llb.State) => llb.State;

/** What changes the settings or the files of a state, as a method of it or among the options of a run. */
const changes = new Map<string, (option: Option) => Change | Promise<Change>>([
  [
    "env",
    ({ args: [name, value] }) =>
      (from) =>
        from.env(text(name), text(value)),
  ],
  [
    "dir",
    ({ args: [path] }) =>
      (from) =>
        from.dir(text(path)),
  ],
  [
    "user",
    ({ args: [user] }) =>
      (from) =>
        from.user(text(user)),
  ],
  [
    "hostname",
    ({ args: [hostname] }) =>
      (from) =>
        from.hostname(text(hostname)),
  ],
  [
    "network",
    ({ args: [mode] }) =>
      (from) =>
        from.network(named(mode, ["sandbox", "host", "none"])),
  ],
  [
    "security",
    ({ args: [mode] }) =>
      (from) =>
        from.security(named(mode, ["sandbox", "insecure"]) as "sandbox"),
  ],
  [
    "extraHost",
    ({ named: parts }) =>
      (from) =>
        from.extraHost(text(parts.get("host")), text(parts.get("ip"))),
  ],
  [
    "ulimit",
    ({ named: parts }) =>
      (from) =>
        from.ulimit({
          name: text(parts.get("name")),
          soft: int(parts.get("soft")),
          hard: int(parts.get("hard")),
        }),
  ],
  [
    "cgroupParent",
    ({ args: [path] }) =>
      (from) =>
        from.cgroupParent(text(path)),
  ],
  [
    "reset",
    async ({ args: [other] }) => {
      const settings = await state(other).force();
      return (from) => reset(from, settings);
    },
  ],
  [
    "build",
    async (option) => {
      const options = await stepOptions(option.args.filter((value): value is Option => isOption(value)));
      const filename = optional(option.named.get("filename"), text);
      return (from) => from.build({ ...options, ...(filename !== undefined && { filename }) });
    },
  ],
  [
    "with",
    async ({ args }) => {
      const inner = await Promise.all(args.filter((value): value is Option => isOption(value)).map(changeOf));
      return (from) => inner.reduce((next, change) => change(next), from);
    },
  ],
]);

/** Whether an option is a change of a state. */
export function isChange(option: Option): boolean {
  return changes.has(option.name);
}

/** The change that an option stands for. */
export async function changeOf(option: Option): Promise<Change> {
  const make = changes.get(option.name);
  if (make === undefined) {
    throw new TypeError(`${option.name} is no state option`);
  }
  return await make(option);
}

/** The platform that a method of a state names. */
export function statePlatform(option: Option): Change {
  const platform = rawPlatform(text(option.args[0]), option.named);
  return (from) => from.platform(platform);
}

/** The reference forgets the other state's directory, unless the files bring a platform with them. */
function reset(from: llb.State, settings: llb.State): llb.State {
  const next = from.reset(settings);
  return from.output?.platform === undefined ? next.dir("/") : next;
}

/** A mode by its name, or by its raw number. */
function named(mode: Value | undefined, names: readonly ["sandbox", ...string[]]): llb.NetworkMode {
  return typeof mode === "bigint"
    ? ((names[number(mode)] ?? number(mode)) as llb.NetworkMode)
    : (text(mode) as "sandbox");
}

function isOption(value: Value): value is Option {
  return typeof value === "object" && value !== null && "args" in value;
}
