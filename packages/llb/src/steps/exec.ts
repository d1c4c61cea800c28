import { type Constraints, constraintsOf } from "../constraints.ts";
import { LlbError, shown } from "../error.ts";
import {
  type BindMount,
  type BoundMount,
  checkTarget,
  type FileMount,
  type Mount,
  type SecretMount,
  type SshMount,
} from "../mount.ts";
import type { Place } from "../place.ts";
import type { Device, Mounts, ProxyEnv, RunOptions } from "../run-options.ts";
import type { Closed, State } from "../state.ts";
import { checkText, checkTexts } from "../text.ts";
import type { ExecVertex, Output } from "../vertex.ts";
import { compareUtf8 } from "../wire/utf8.ts";

/** A command as it was given: checked, and out of the caller's reach. */
export interface Command {
  readonly args: readonly string[];
  readonly readonlyRoot: boolean;
  readonly devices: readonly Device[];
  readonly validExitCodes: readonly number[] | undefined;
  readonly proxy: ProxyEnv | undefined;
  readonly constraints: Constraints;
}

/** Reads a command and its options, but for its mounts and settings. */
export function commandOf(args: readonly string[], options: RunOptions, place: Place): Command {
  if (!Array.isArray(args) || args.length === 0) {
    throw new LlbError("a command needs arguments, as a list of texts", {
      reason: "args",
      value: args,
      place,
    });
  }
  checkTexts(args, place);
  const { readonlyRoot = false, validExitCodes, proxy, devices = none } = options;
  if (proxy !== undefined) {
    checkTexts(Object.values(proxy), place);
  }
  return {
    args: [...args],
    readonlyRoot,
    devices: devices.length === 0 ? none : devices.map((device) => deviceOf(device, place)),
    validExitCodes: validExitCodes && exitCodes(validExitCodes, place),
    proxy: proxy && { ...proxy },
    constraints: constraintsOf(options, place),
  };
}

/** Mounts in either form as a list. */
export function mountList(mounts: Mounts | undefined, place: Place): readonly Mount[] {
  if (mounts === undefined) {
    return none;
  }
  if (isList(mounts)) {
    return [...mounts];
  }
  return Object.entries(mounts).map(([target, source]): BindMount => {
    checkTarget(target, place);
    return { ...writable, target, source };
  });
}

/** Adds the states that the mounts of a run read to a list of states. */
export function mountedStates(mounts: readonly Mount[], states: State[]): readonly State[] {
  for (const mount of mounts) {
    if ((mount.kind === "bind" || mount.kind === "cache") && mount.source !== undefined) {
      states.push(mount.source);
    }
  }
  return states;
}

/** The mounts of a command beside its root, and how their states are read. */
interface GivenMounts {
  readonly mounts: readonly Mount[];
  readonly closed: (state: State) => Closed;
  readonly place: Place;
}

/** Makes the vertex of a command. */
export function makeExec(
  base: Closed,
  { args, readonlyRoot, devices, validExitCodes, proxy, constraints }: Command,
  given: GivenMounts,
): ExecVertex {
  const { mounts } = given;
  return Object.freeze({
    kind: "exec",
    args,
    settings: base.settings,
    mounts: placeMounts(
      {
        target: "/",
        source: base.output,
        output: -1,
        mount: readonlyRoot ? readonlyRootMount : writableRoot,
      },
      given,
    ),
    secrets: ofKind<SecretMount>(mounts, "secret"),
    ssh: ofKind<SshMount>(mounts, "ssh"),
    devices,
    validExitCodes,
    proxy,
    constraints,
  });
}

/** What a command leaves in one of its mounts: for a read-only one what was there before. */
export function mountOutput(vertex: ExecVertex, target: string): Output | undefined {
  const mount = vertex.mounts.find((candidate) => candidate.target === target);
  if (mount === undefined || mount.output < 0) {
    return mount?.source;
  }
  const { platform } = vertex.constraints;
  return Object.freeze(
    platform === undefined ? { vertex, index: mount.output } : { vertex, index: mount.output, platform },
  );
}

const none: readonly never[] = Object.freeze([]);

const writable = { kind: "bind", path: "", readonly: false, output: true, contentCache: "default" } as const;
const writableRoot = { ...writable, target: "/" };
const readonlyRootMount = { ...writableRoot, readonly: true, output: false };

/** Puts the mounts in the order of their targets, and numbers the outputs in this order. */
function placeMounts(root: Placed, { mounts, closed, place }: GivenMounts): readonly BoundMount[] {
  const placed = [root];
  for (const mount of mounts) {
    if (mount.kind !== "secret" && mount.kind !== "ssh") {
      const from = mount.kind === "tmpfs" ? undefined : mount.source;
      insert(placed, { target: mount.target, source: from && closed(from).output, output: -1, mount }, place);
    }
  }
  let next = 0;
  for (const bound of placed) {
    if (bound.mount.kind === "bind" && bound.mount.output) {
      bound.output = next++;
    }
  }
  return placed;
}

/** A mount whose output has still to be numbered. */
interface Placed extends BoundMount {
  readonly mount: FileMount;
  output: number;
}

/** Puts a mount where its target belongs. Mounts are few: this is cheaper than to sort them. */
function insert(placed: Placed[], bound: Placed, place: Place): void {
  let at = placed.push(bound) - 1;
  for (let before = placed[at - 1]; before !== undefined; before = placed[at - 1]) {
    const order = compareUtf8(before.target, bound.target);
    if (order === 0) {
      throw sameTarget(bound.target, place);
    }
    if (order < 0) {
      return;
    }
    placed[at] = before;
    placed[--at] = bound;
  }
}

function sameTarget(target: string, place: Place): LlbError {
  const message =
    target === "/"
      ? "the root is mounted already: run on the other state"
      : `two mounts have the target ${shown(target)}`;
  return new LlbError(message, { reason: "mount-target", value: target, place });
}

function ofKind<M extends Mount>(mounts: readonly Mount[], kind: M["kind"]): readonly M[] {
  return mounts.some((mount) => mount.kind === kind)
    ? mounts.filter((mount): mount is M => mount.kind === kind)
    : none;
}

function deviceOf(device: string | Device, place: Place): Device {
  const { name, optional = false } = typeof device === "string" ? { name: device } : device;
  checkText(name, place);
  return { name, optional };
}

function exitCodes(codes: readonly number[], place: Place): readonly number[] {
  for (const code of codes) {
    if (!Number.isInteger(code) || code < -(2 ** 31) || code >= 2 ** 31) {
      throw new LlbError(`exit code ${code} is not a whole number of 32 bits`, {
        reason: "setting",
        value: code,
        place,
      });
    }
  }
  return [...codes];
}

function isList(mounts: Mounts): mounts is readonly Mount[] {
  return Array.isArray(mounts);
}
