import { InvalidArgumentError, SolveError } from "@buildkit-node/core";
import { type Solve, SolveSchema } from "@buildkit-node/proto/errdefs";
import { fromJson, type JsonValue } from "@buildkit-node/proto/json";
import { CacheSharingOpt, type Mount, MountType, NetMode } from "@buildkit-node/proto/pb";
import type { GatewayOwner } from "../gateway.ts";
import { Reference } from "../reference.ts";
import { type Container, newContainer } from "./container.ts";
import type { ContainerMount } from "./mount.ts";
import type { ProcessOptions } from "./start-process.ts";

export interface DebugOptions {
  /** The files as the failed step left them, or as it found them. Default: `after`. */
  readonly state?: "after" | "before";
  readonly signal?: AbortSignal;
}

/** See `Gateway.debug`: it is also `SolveError.debug`. */
export async function debugContainer(
  owner: GatewayOwner,
  error: unknown,
  options: DebugOptions,
): Promise<Container> {
  const { exec, inputIDs, mountIDs } = failedStep(error);
  const before = options.state === "before";
  const resultOf = (mount: Mount, index: number) =>
    (before ? inputIDs[Number(mount.input)] : mountIDs[index]) ?? "";
  return newContainer(owner, {
    mounts: exec.mounts.map((mount, index) => debugMount(owner, mount, resultOf(mount, index))),
    network: exec.network === NetMode.HOST ? "host" : exec.network === NetMode.NONE ? "none" : "sandbox",
    ...(exec.meta !== undefined && { hostname: exec.meta.hostname }),
    extraHosts: Object.fromEntries((exec.meta?.extraHosts ?? []).map(({ Host, IP }) => [Host, IP])),
    ...(options.signal !== undefined && { signal: options.signal }),
  });
}

/** How a step that failed ran its process. */
export type FailedProcess = Required<Pick<ProcessOptions, "args" | "env" | "cwd" | "user">>;

/** See `Gateway.failedProcess`. */
export function failedProcess(error: unknown): FailedProcess {
  const { meta } = failedStep(error).exec;
  const pairs = (meta?.env ?? []).map((pair) => {
    const at = pair.indexOf("=");
    return at < 0 ? ([pair, ""] as const) : ([pair.slice(0, at), pair.slice(at + 1)] as const);
  });
  return {
    args: meta?.args ?? [],
    env: Object.fromEntries(pairs),
    cwd: meta?.cwd ?? "",
    user: meta?.user ?? "",
  };
}

function failedStep(error: unknown) {
  const solve = error instanceof SolveError ? decode(error) : undefined;
  if (solve === undefined || solve.op?.op.case !== "exec") {
    throw new InvalidArgumentError(
      "error",
      error,
      "only the error of a step that ran a process can be debugged, within the build function that met it",
    );
  }
  return { exec: solve.op.op.value, inputIDs: solve.inputIDs, mountIDs: solve.mountIDs };
}

function decode(error: SolveError): Solve | undefined {
  try {
    return error.op && fromJson(SolveSchema, error.op as JsonValue, { ignoreUnknownFields: true });
  } catch {
    return undefined;
  }
}

function debugMount(owner: GatewayOwner, mount: Mount, resultId: string): ContainerMount {
  const target = mount.dest;
  const files = {
    ...(resultId !== "" && { ref: new Reference(owner, resultId) }),
    ...(mount.selector !== "" && { path: mount.selector }),
  };
  if (mount.mountType === MountType.CACHE) {
    return { type: "cache", target, id: mount.cacheOpt?.ID ?? "", sharing: sharingOf(mount) };
  }
  if (mount.mountType === MountType.TMPFS) return { type: "tmpfs", target };
  if (mount.mountType === MountType.SECRET) {
    return { type: "secret", target, id: mount.secretOpt?.ID ?? "", ...permissions(mount.secretOpt) };
  }
  if (mount.mountType === MountType.SSH) {
    return { type: "ssh", target, id: mount.SSHOpt?.ID ?? "", ...permissions(mount.SSHOpt) };
  }
  return { type: "bind", target, ...files, readonly: mount.readonly };
}

function sharingOf(mount: Mount): "shared" | "private" | "locked" {
  const sharing = mount.cacheOpt?.sharing;
  if (sharing === CacheSharingOpt.PRIVATE) return "private";
  return sharing === CacheSharingOpt.LOCKED ? "locked" : "shared";
}

function permissions(opt: { uid: number; gid: number; mode: number; optional: boolean } | undefined) {
  return { uid: opt?.uid ?? 0, gid: opt?.gid ?? 0, mode: opt?.mode ?? 0, optional: opt?.optional ?? true };
}
