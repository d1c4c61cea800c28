import type { CallSite, EntryPoint } from "../call-site.ts";
import { constraintsOf } from "../constraints.ts";
import { LlbError, shown } from "../error.ts";
import type { BoundMount, Mount, SecretMount, SshMount } from "../mount.ts";
import type { Mounts, RunOptions } from "../run-options.ts";
import type { Closed, State } from "../state.ts";
import type { ExecVertex, Output } from "../vertex.ts";
import type { OpMount } from "../wire/op.ts";
import { compareUtf8 } from "../wire/utf8.ts";

/** What a run leaves behind: its root, and the content of its writable mounts by target. */
export interface ExecOutputs {
  readonly root: Output | undefined;
  readonly mounts: ReadonlyMap<string, Output>;
}

/** The states that the mounts of a run read. */
export function mountedStates(mounts: readonly Mount[]): readonly State[] {
  return mounts.flatMap((mount) =>
    (mount.kind === "bind" || mount.kind === "cache") && mount.source !== undefined ? [mount.source] : [],
  );
}

/** Mounts in either form as a list, checked for targets that stand there twice. */
export function mountList(mounts: Mounts | undefined, entry: EntryPoint): readonly Mount[] {
  if (mounts === undefined) {
    return [];
  }
  const list: readonly Mount[] = isList(mounts)
    ? mounts
    : Object.entries(mounts).map(([target, source]) => ({
        kind: "bind",
        target,
        source,
        path: "",
        readonly: false,
        output: true,
        contentCache: "default",
      }));
  const targets = new Set(["/"]);
  for (const { kind, target } of list) {
    if (kind !== "secret" && kind !== "ssh" && targets.has(target)) {
      throw new LlbError(
        target === "/"
          ? "the root is mounted already: run on the other state"
          : `two mounts have the target ${shown(target)}`,
        { reason: "mount-target", value: target, entry },
      );
    }
    if (kind !== "secret" && kind !== "ssh") {
      targets.add(target);
    }
  }
  return list;
}

/** Makes the vertex of a command, and says what comes out of it. */
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
): ExecOutputs {
  const { mounts, closed, site, entry } = given;
  const { readonlyRoot = false, validExitCodes, proxy, devices = [] } = options;
  const placed = placeMounts(base.output, readonlyRoot, mounts, closed);
  const constraints = constraintsOf(options, entry);
  const vertex: ExecVertex = Object.freeze({
    kind: "exec",
    args: Object.freeze([...args]),
    settings: base.settings,
    mounts: placed.map(({ bound }) => bound),
    secrets: mounts.filter((mount): mount is SecretMount => mount.kind === "secret"),
    ssh: mounts.filter((mount): mount is SshMount => mount.kind === "ssh"),
    devices: devices.map((device) => (typeof device === "string" ? { name: device } : device)),
    validExitCodes: exitCodes(validExitCodes, entry),
    proxy,
    constraints,
    site,
  });
  const platform = constraints.platform === undefined ? {} : { platform: constraints.platform };
  const outputs = new Map<string, Output>();
  for (const { bound, index } of placed) {
    if (index !== undefined) {
      outputs.set(bound.wire.target, Object.freeze({ vertex, index, ...platform }));
    }
  }
  return { root: readonlyRoot ? base.output : outputs.get("/"), mounts: outputs };
}

interface Placed {
  readonly bound: BoundMount;
  /** The number of its output, if it has one. */
  readonly index: number | undefined;
}

/** Puts the mounts in the order of their targets, and numbers the outputs in this order. */
function placeMounts(
  root: Output | undefined,
  readonlyRoot: boolean,
  mounts: readonly Mount[],
  closed: (state: State) => Closed,
): readonly Placed[] {
  const drafts: Draft[] = [rootDraft(root, readonlyRoot)];
  for (const mount of mounts) {
    if (mount.kind !== "secret" && mount.kind !== "ssh") {
      drafts.push(draft(mount, closed));
    }
  }
  drafts.sort((a, b) => compareUtf8(a.wire.target, b.wire.target));
  let next = 0;
  return drafts.map(({ source, wire, hasOutput }) => {
    const index = hasOutput ? next++ : undefined;
    return { bound: { source, wire: { ...wire, output: index ?? -1 } }, index };
  });
}

interface Draft extends BoundMount {
  readonly hasOutput: boolean;
}

function rootDraft(source: Output | undefined, readonly: boolean): Draft {
  return { source, wire: { target: "/", type: "bind", readonly }, hasOutput: !readonly };
}

function draft(mount: Exclude<Mount, SecretMount | SshMount>, closed: (state: State) => Closed): Draft {
  const { kind: type, target, readonly, contentCache } = mount;
  const wire: OpMount & { readonly target: string } = { target, type, readonly, contentCache };
  switch (mount.kind) {
    case "bind":
      return {
        source: closed(mount.source).output,
        wire: { ...wire, selector: mount.path },
        hasOutput: mount.output,
      };
    case "cache":
      return {
        source: mount.source === undefined ? undefined : closed(mount.source).output,
        wire: { ...wire, selector: mount.path, cache: { id: mount.id, sharing: mount.sharing } },
        hasOutput: false,
      };
    case "tmpfs":
      return {
        source: undefined,
        wire: { ...wire, tmpfs: { sizeBytes: mount.sizeBytes } },
        hasOutput: false,
      };
  }
}

function exitCodes(codes: readonly number[] | undefined, entry: EntryPoint): readonly number[] | undefined {
  for (const code of codes ?? []) {
    if (!Number.isInteger(code) || code < -(2 ** 31) || code >= 2 ** 31) {
      throw new LlbError(`exit code ${code} is not a whole number of 32 bits`, {
        reason: "setting",
        value: code,
        entry,
      });
    }
  }
  return codes === undefined ? undefined : Object.freeze([...codes]);
}

function isList(mounts: Mounts): mounts is readonly Mount[] {
  return Array.isArray(mounts);
}
