import type { Link } from "@buildkit-node/transport";
import type { BuildWork } from "./build.ts";
import { runSolve } from "./run-solve.ts";
import { inputToProto, type SolveInput } from "./solve-input.ts";
import type { CacheEntry, SolveOptions } from "./solve-options.ts";
import type { SolveFields, TypedAttrs } from "./solve-request.ts";
import type { SolveResult } from "./solve-result.ts";

/**
 * What a build does, ready to be started. What can be found wrong before anything is sent is found here.
 *
 * @throws {InvalidArgumentError}
 */
export function planBuild(
  link: Link,
  ref: string,
  input: SolveInput,
  options: SolveOptions,
): BuildWork<SolveResult> {
  const fields = requestFields(ref, input, options);
  return async (signal, onStarted) => {
    const connection = await link.connection(signal);
    const { name } = options;
    const sink = options.progress?.attach({ ref, ...(name !== undefined && { name }) });
    try {
      const response = await runSolve({
        connection,
        request: { ...fields, exporters: [] },
        onUpdate: (update) => sink?.update(update),
        onStarted: (solve) => onStarted({ connection, solve }),
        signal,
      });
      await sink?.end({});
      return { ref, response };
    } catch (error) {
      await sink?.end({ error: signal.aborted ? signal.reason : error });
      throw error;
    }
  };
}

function requestFields(
  ref: string,
  input: SolveInput,
  options: SolveOptions,
): Omit<SolveFields, "session" | "exporters"> {
  return {
    ref,
    ...inputToProto(input),
    frontendAttrs: options.frontendAttrs ?? {},
    cacheImports: (options.cacheFrom ?? []).map(typedAttrs),
    cacheExports: (options.cacheTo ?? []).map(typedAttrs),
    entitlements: options.entitlements ?? [],
    internal: options.internal ?? false,
    compatibilityVersion: options.compatibilityVersion ?? 0,
    proxyNetwork: options.proxyNetwork ?? false,
  };
}

function typedAttrs({ type, attrs = {} }: CacheEntry): TypedAttrs {
  return { type, attrs };
}
