import type { OpMetadata } from "./wire/definition.ts";

/**
 * Two sets of metadata as one: what the second says wins, descriptions are joined key by key, capabilities are added up,
 * and `ignoreCache` cannot be taken back.
 */
export function mergeMetadata(first: OpMetadata, second: OpMetadata): OpMetadata {
  const ignoreCache = first.ignoreCache === true || second.ignoreCache === true;
  const description = joined(first.description, second.description);
  const caps = united(first.caps, second.caps);
  return {
    ...first,
    ...second,
    ...(ignoreCache && { ignoreCache }),
    ...(description !== undefined && { description }),
    ...(caps !== undefined && { caps }),
  };
}

function joined(
  first: ReadonlyMap<string, string> | undefined,
  second: ReadonlyMap<string, string> | undefined,
): ReadonlyMap<string, string> | undefined {
  return first === undefined || second === undefined ? (second ?? first) : new Map([...first, ...second]);
}

function united(
  first: ReadonlySet<string> | undefined,
  second: ReadonlySet<string> | undefined,
): ReadonlySet<string> | undefined {
  return first === undefined || second === undefined ? (second ?? first) : new Set([...first, ...second]);
}
