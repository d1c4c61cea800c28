import type { CallSite, EntryPoint } from "../call-site.ts";
import { constraintsOf } from "../constraints.ts";
import { LlbError, shown } from "../error.ts";
import type { BindMount, BoundMount, FileMount, Mount, SecretMount, SshMount } from "../mount.ts";
import type { Device, Mounts, RunOptions } from "../run-options.ts";
import type { Closed, State } from "../state.ts";
import type { ExecVertex, Output } from "../vertex.ts";
import { compareUtf8 } from "../wire/utf8.ts";

/** Mounts in either form as a list. */
export function mountList(mounts: Mounts | undefined): readonly Mount[] {
  if (mounts === undefined) {
    return noMounts;
  }
  return isList(mounts)
    ? mounts
    : Object.entries(mounts).map(([target, source]): BindMount => ({ ...writable, target, source }));
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

/** Makes the vertex of a command. */
export function makeExec(
  base: Closed,
  args: readonly string[],
  options: RunOptions,
  given: {
    readonly mounts: readonly Mount[];
    readonly closed: (state: State) => Closed;
    readonly site: CallSite | undefined;
    readonly entry: EntryPoint;
  },
): ExecVertex {
  const { mounts, closed, site, entry } = given;
  const { readonlyRoot = false, validExitCodes, proxy, devices = noDevices } = options;
  return Object.freeze({
    kind: "exec",
    args: [...args],
    settings: base.settings,
    mounts: placeMounts(base.output, readonlyRoot, mounts, closed, entry),
    secrets: ofKind<SecretMount>(mounts, "secret"),
    ssh: ofKind<SshMount>(mounts, "ssh"),
    devices: devices.length === 0 ? noDevices : devices.map(deviceOf),
    validExitCodes: validExitCodes === undefined ? undefined : exitCodes(validExitCodes, entry),
    proxy,
    constraints: constraintsOf(options, entry),
    site,
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

const noMounts: readonly never[] = Object.freeze([]);
const noDevices: readonly Device[] = Object.freeze([]);

const writable = { kind: "bind", path: "", readonly: false, output: true, contentCache: "default" } as const;
const writableRoot = { ...writable, target: "/" };
const readonlyRootMount = { ...writableRoot, readonly: true, output: false };

/** Puts the mounts in the order of their targets, and numbers the outputs in this order. */
function placeMounts(
  root: Output | undefined,
  readonlyRoot: boolean,
  mounts: readonly Mount[],
  closed: (state: State) => Closed,
  entry: EntryPoint,
): readonly BoundMount[] {
  const placed = [
    { target: "/", source: root, output: -1, mount: readonlyRoot ? readonlyRootMount : writableRoot },
  ] as {
    readonly target: string;
    readonly source: Output | undefined;
    readonly mount: FileMount;
    output: number;
  }[];
  for (const mount of mounts) {
    if (mount.kind !== "secret" && mount.kind !== "ssh") {
      const from = mount.kind === "tmpfs" ? undefined : mount.source;
      placed.push({ target: mount.target, source: from && closed(from).output, output: -1, mount });
    }
  }
  placed.sort((a, b) => compareUtf8(a.target, b.target));
  let next = 0;
  let previous: string | undefined;
  for (const bound of placed) {
    if (bound.target === previous) {
      throw sameTarget(previous, entry);
    }
    previous = bound.target;
    if (bound.mount.kind === "bind" && bound.mount.output) {
      bound.output = next++;
    }
  }
  return placed;
}

function sameTarget(target: string, entry: EntryPoint): LlbError {
  const message =
    target === "/"
      ? "the root is mounted already: run on the other state"
      : `two mounts have the target ${shown(target)}`;
  return new LlbError(message, { reason: "mount-target", value: target, entry });
}

function ofKind<M extends Mount>(mounts: readonly Mount[], kind: M["kind"]): readonly M[] {
  return mounts.some((mount) => mount.kind === kind)
    ? mounts.filter((mount): mount is M => mount.kind === kind)
    : noMounts;
}

function deviceOf(device: string | Device): Device {
  return typeof device === "string" ? { name: device } : device;
}

function exitCodes(codes: readonly number[], entry: EntryPoint): readonly number[] {
  for (const code of codes) {
    if (!Number.isInteger(code) || code < -(2 ** 31) || code >= 2 ** 31) {
      throw new LlbError(`exit code ${code} is not a whole number of 32 bits`, {
        reason: "setting",
        value: code,
        entry,
      });
    }
  }
  return [...codes];
}

function isList(mounts: Mounts): mounts is readonly Mount[] {
  return Array.isArray(mounts);
}
