import { UnsupportedError } from "@buildkit-node/core";
import { platformFromProto } from "@buildkit-node/gateway/internal";
import type { Platform } from "@buildkit-node/oci";
import { Control } from "@buildkit-node/proto/control";
import type { BuildkitVersion, GCPolicy, WorkerRecord } from "@buildkit-node/proto/worker";
import { type Connection, StatusError } from "@buildkit-node/transport";
import { createClient } from "@connectrpc/connect";
import { checkList } from "./check-list.ts";

/** What a daemon says of itself. Its version is for people: ask for capabilities before relying on a feature. */
export interface DaemonInfo {
  /** The Go package that it was built from. */
  readonly package: string;
  /** Such as `v0.32.2`; distributions' Docker Engines say `v0.0.0+unknown`. */
  readonly version: string;
  readonly revision: string;
  /** Version of the built-in Dockerfile frontend (BuildKit 0.30). */
  readonly dockerfileVersion?: string;
}

/** A worker of the daemon: it runs builds. Only the first is ever used for them. */
export interface Worker {
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The first is the platform that builds are for when they name none. */
  readonly platforms: readonly Platform[];
  readonly gcPolicies: readonly GcPolicy[];
  /** BuildKit 0.11. */
  readonly daemon?: DaemonInfo;
  /** Devices that builds may ask for (BuildKit 0.20). */
  readonly devices: readonly CdiDevice[];
}

/** A rule by which a worker frees space on its own. */
export interface GcPolicy {
  /** Whether it also deletes what is internal or shared. */
  readonly all: boolean;
  readonly filters: readonly string[];
  /** Records used within this time are kept, in milliseconds. */
  readonly keepDurationMs: number;
  readonly reservedSpaceBytes: number;
  readonly maxUsedSpaceBytes: number;
  readonly minFreeSpaceBytes: number;
}

export interface CdiDevice {
  readonly name: string;
  /** Whether builds may use it without an entitlement. */
  readonly autoAllow: boolean;
  readonly annotations: Readonly<Record<string, string>>;
  readonly onDemand: boolean;
}

/** @throws {UnsupportedError} by a daemon before BuildKit 0.11 */
export async function daemonInfo(connection: Connection, signal?: AbortSignal): Promise<DaemonInfo> {
  try {
    const { buildkitVersion } = await createClient(Control, connection.rpc).info({}, callOptions(signal));
    return infoFromProto(buildkitVersion);
  } catch (error) {
    if (!(error instanceof StatusError && error.status === "Unimplemented")) throw error;
    const message = `the daemon at ${connection.address} cannot tell its version: that needs BuildKit 0.11`;
    throw new UnsupportedError("Control.Info", message, { cause: error });
  }
}

/** Workers that meet all of these conditions. */
export interface WorkerFilter {
  readonly id?: string;
  /** Labels that the worker must have, with these values. */
  readonly labels?: Readonly<Record<string, string>>;
}

export interface ListWorkersOptions {
  /** Workers that meet one of these: as conditions, or as texts in containerd's words. Default: all. */
  readonly filters?: readonly (WorkerFilter | string)[];
  readonly signal?: AbortSignal;
}

export async function listWorkers(
  connection: Connection,
  { filters = [], signal }: ListWorkersOptions = {},
): Promise<readonly Worker[]> {
  const control = createClient(Control, connection.rpc);
  checkList("filters", filters);
  const { record } = await control.listWorkers({ filter: filters.map(filterText) }, callOptions(signal));
  return record.map(workerFromProto);
}

function filterText(filter: WorkerFilter | string): string {
  if (typeof filter === "string") return filter;
  const { id, labels = {} } = filter;
  const ofLabels = Object.entries(labels).map(
    ([name, value]) => `labels.${JSON.stringify(name)}==${JSON.stringify(value)}`,
  );
  return [...(id === undefined ? [] : [`id==${JSON.stringify(id)}`]), ...ofLabels].join(",");
}

function callOptions(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}

export function workerFromProto(record: WorkerRecord): Worker {
  return {
    id: record.ID,
    labels: record.Labels,
    platforms: record.platforms.map(platformFromProto),
    gcPolicies: record.GCPolicy.map(gcPolicyFromProto),
    ...(record.BuildkitVersion && { daemon: infoFromProto(record.BuildkitVersion) }),
    devices: record.CDIDevices.map((device) => ({
      name: device.Name,
      autoAllow: device.AutoAllow,
      annotations: device.Annotations,
      onDemand: device.OnDemand,
    })),
  };
}

function infoFromProto(version: BuildkitVersion | undefined): DaemonInfo {
  const dockerfileVersion = version?.dockerfileVersion ?? "";
  return {
    package: version?.package ?? "",
    version: version?.version ?? "",
    revision: version?.revision ?? "",
    ...(dockerfileVersion !== "" && { dockerfileVersion }),
  };
}

function gcPolicyFromProto(policy: GCPolicy): GcPolicy {
  return {
    all: policy.all,
    filters: policy.filters,
    keepDurationMs: Number(policy.keepDuration) / 1e6,
    reservedSpaceBytes: Number(policy.reservedSpace),
    maxUsedSpaceBytes: Number(policy.maxUsedSpace),
    minFreeSpaceBytes: Number(policy.minFreeSpace),
  };
}
