import { InvalidArgumentError } from "@buildkit-node/core";
import { checkList } from "../check-list.ts";
import type { SolveOptions } from "./solve-options.ts";

const lists = ["entitlements", "cacheFrom", "cacheTo", "sourceRules", "ssh", "attachables"] as const;

/** What HTTP/2 headers hold as it is: calls name a build, and sessions their key, in them. */
const headerText = /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/;

/**
 * Refuses what has the wrong kind, where a program without types would learn of it from a loop, or from the daemon in other
 * words, or not at all.
 *
 * @throws {InvalidArgumentError}
 */
export function checkOptions(options: SolveOptions): void {
  const { exports, ref, sharedKey, frontendAttrs, compatibilityVersion } = options;
  if (exports !== undefined && !(Array.isArray(exports) && Array.from(exports, isExporter).every(Boolean))) {
    const message = "exports is no list of exporters: write [local({ … })]";
    throw new InvalidArgumentError("exports", exports, message);
  }
  for (const name of lists) checkList(name, options[name]);
  for (const name of ["cacheFrom", "cacheTo"] as const) {
    for (const cache of options[name] ?? []) checkCache(name, cache);
  }
  checkHeader("ref", ref);
  checkHeader("sharedKey", sharedKey);
  if (frontendAttrs !== undefined) checkTexts("frontendAttrs", frontendAttrs);
  if (compatibilityVersion !== undefined && !Number.isSafeInteger(compatibilityVersion)) {
    const message = `compatibilityVersion is ${compatibilityVersion}, and must be a whole number`;
    throw new InvalidArgumentError("compatibilityVersion", compatibilityVersion, message);
  }
}

/** @throws {InvalidArgumentError} for a value that is no text: `undefined` would be sent as an empty one */
export function checkTexts(argument: string, values: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries<unknown>(values)) {
    if (typeof value === "string") continue;
    const message = `${argument} has ${String(value)} as ${JSON.stringify(name)}, which must be a text`;
    throw new InvalidArgumentError(`${argument}.${name}`, value, message);
  }
}

function checkCache(argument: string, value: unknown): void {
  if (typeof value === "object" && value !== null && "type" in value) return;
  const message = `${argument} has ${String(value)}, which is no cache: write { type: "registry", ref: "host/name" }`;
  throw new InvalidArgumentError(argument, value, message);
}

function checkHeader(argument: string, value: unknown): void {
  if (value === undefined || (typeof value === "string" && headerText.test(value))) return;
  const message = `${argument} is ${JSON.stringify(value)}, and must be a text of printable ASCII characters`;
  throw new InvalidArgumentError(argument, value, message);
}

function isExporter(value: unknown): boolean {
  return typeof value === "object" && value !== null && "prepare" in value;
}
