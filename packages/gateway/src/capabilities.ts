import { UnsupportedError } from "@buildkit-node/core";
import type { APICap } from "@buildkit-node/proto/caps";
import type { PongResponse } from "@buildkit-node/proto/gateway";

/** A feature that a daemon knows by name. */
export interface Capability {
  readonly id: string;
  /** False where the daemon knows the feature and cannot use it; the reason is given then. */
  readonly enabled: boolean;
  readonly disabledReason?: string;
}

/** What a daemon can do. */
export interface Capabilities {
  /** Of LLB definitions and of build requests, such as `mergeop` or `exporter.multiple`. */
  readonly llb: ReadonlyMap<string, Capability>;
  /** Of builds that a client drives, such as `gateway.exec`. */
  readonly gateway: ReadonlyMap<string, Capability>;
}

/** Whether the daemon knows a capability, in either list, and has it enabled. */
export function hasCapability(capabilities: Capabilities, id: string): boolean {
  return findCapability(capabilities, id)?.enabled === true;
}

/**
 * @param feature what needs the capability, as the subject of a sentence
 * @throws {UnsupportedError} naming the capability and the daemon's reason
 */
export function requireCapability(capabilities: Capabilities, id: string, feature: string): void {
  const capability = findCapability(capabilities, id);
  if (capability?.enabled === true) return;
  const why =
    capability === undefined
      ? "the daemon does not have it; use a newer BuildKit"
      : `the daemon has it disabled: ${capability.disabledReason ?? "it gives no reason"}`;
  throw new UnsupportedError(id, `${feature} needs the capability ${id}: ${why}`);
}

/** The capabilities that a daemon tells when it is asked. */
export function capabilitiesFromProto(pong: PongResponse): Capabilities {
  return { llb: byId(pong.LLBCaps, oldLlb), gateway: byId(pong.FrontendAPICaps, oldGateway) };
}

function findCapability(capabilities: Capabilities, id: string): Capability | undefined {
  return capabilities.llb.get(id) ?? capabilities.gateway.get(id);
}

function byId(caps: readonly APICap[], old: readonly string[]): ReadonlyMap<string, Capability> {
  const known = caps.length > 0 ? caps.map(capabilityFromProto) : old.map((id) => ({ id, enabled: true }));
  return new Map(known.map((capability) => [capability.id, capability]));
}

function capabilityFromProto(cap: APICap): Capability {
  const reason = cap.DisabledReasonMsg || cap.DisabledReason;
  return { id: cap.ID, enabled: cap.Enabled, ...(reason !== "" && { disabledReason: reason }) };
}

/** What a daemon that gives no list of its gateway can do. */
const oldGateway = ["solve.base", "solve.inlinereturn", "resolveimage", "readfile"];

/** What a daemon that gives no list of its LLB is not asked to do. */
const oldLlb: readonly string[] = [];
