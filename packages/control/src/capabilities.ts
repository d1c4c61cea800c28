import { abortable, UnsupportedError } from "@buildkit-node/core";
import type { APICap } from "@buildkit-node/proto/caps";
import type { Connection } from "@buildkit-node/transport";
import { askGateway } from "./ask-gateway.ts";

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

function findCapability(capabilities: Capabilities, id: string): Capability | undefined {
  return capabilities.llb.get(id) ?? capabilities.gateway.get(id);
}

const asked = new WeakMap<Connection, Promise<Capabilities>>();

/** The capabilities of the daemon behind a connection: asked for once. */
export function capabilitiesOf(connection: Connection, signal?: AbortSignal): Promise<Capabilities> {
  let asking = asked.get(connection);
  if (asking === undefined) {
    asking = askCapabilities(connection);
    asked.set(connection, asking);
    asking.catch(() => asked.delete(connection));
  }
  return abortable(asking, signal);
}

/** The daemon itself waits up to 3 s for the build that it is asked from. */
const timeoutMs = 15_000;

async function askCapabilities(connection: Connection): Promise<Capabilities> {
  const pong = await askGateway(connection, ({ bridge, options }) => bridge.ping({}, options), { timeoutMs });
  return { llb: byId(pong.LLBCaps), gateway: byId(pong.FrontendAPICaps) };
}

function byId(caps: readonly APICap[]): ReadonlyMap<string, Capability> {
  return new Map(caps.map((cap) => [cap.ID, capabilityFromProto(cap)]));
}

function capabilityFromProto(cap: APICap): Capability {
  const reason = cap.DisabledReasonMsg || cap.DisabledReason;
  return { id: cap.ID, enabled: cap.Enabled, ...(reason !== "" && { disabledReason: reason }) };
}
