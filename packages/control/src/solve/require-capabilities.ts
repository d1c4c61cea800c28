import { UnsupportedError } from "@buildkit-node/core";
import { hasCapability, requireCapability } from "@buildkit-node/gateway";
import type { Connection } from "@buildkit-node/transport";
import { capabilitiesOf } from "../capabilities.ts";
import type { SolveOptions } from "./solve-options.ts";

/** Daemons that came with this one know compatibility versions, which no capability announces. */
const sameRelease = "source.git.bundle";

/**
 * Refuses what the daemon would pass over in silence: fields of the request that it does not know. The daemon is asked
 * only for builds that use one.
 *
 * @param exporterCount how many exporters the request names
 * @throws {UnsupportedError} naming the capability
 */
export async function requireCapabilities(
  connection: Connection,
  options: SolveOptions,
  exporterCount: number,
  signal: AbortSignal,
): Promise<void> {
  const needs: readonly (readonly [used: boolean, capability: string, feature: string])[] = [
    [exporterCount > 1, "exporter.multiple", "more than one exporter"],
    [options.sourceRules !== undefined, "source.policy", "sourceRules"],
    [options.sourcePolicy !== undefined, "source.policy.session", "sourcePolicy"],
    [options.sessionExporters !== undefined, "exporter.session", "sessionExporters"],
    ...["gha", "s3", "azblob"].map(
      (type) => [usesCache(options, type), `cache.${type}`, `a ${type} cache`] as const,
    ),
    [options.proxyNetwork === true, "exec.meta.network.proxy", "proxyNetwork"],
  ];
  const used = needs.filter(([isUsed]) => isUsed);
  const { compatibilityVersion = 0 } = options;
  if (used.length === 0 && compatibilityVersion === 0) return;
  const capabilities = await capabilitiesOf(connection, signal);
  for (const [, capability, feature] of used) requireCapability(capabilities, capability, feature);
  if (compatibilityVersion === 0 || hasCapability(capabilities, sameRelease)) return;
  throw new UnsupportedError("SolveRequest.CompatibilityVersion", "compatibilityVersion needs BuildKit 0.30");
}

function usesCache({ cacheFrom = [], cacheTo = [] }: SolveOptions, type: string): boolean {
  return [...cacheFrom, ...cacheTo].some((cache) => cache.type === type);
}
