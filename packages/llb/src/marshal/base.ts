import type { Platform } from "@buildkit-node/oci";
import { constraintsOf, type StepOptions } from "../constraints.ts";
import type { Place } from "../place.ts";
import { type PlatformOption, platformOf } from "../platform-option.ts";
import type { OpMetadata } from "../wire/definition.ts";

/** What a graph is marshalled for. The step options given here hold for every vertex that does not say otherwise. */
export interface MarshalOptions extends StepOptions {
  /** The platform of everything that names none. */
  readonly platform: PlatformOption;
  /**
   * Tells local sources of different clients apart. Default: a random one, so that the definition differs each time if
   * it has local sources without a session id.
   */
  readonly localUniqueId?: string;
  /** What the daemon can do, if that is known: one that is too old to set `PATH` itself is then given it. */
  readonly caps?: Iterable<string>;
}

/** The marshal options, complete. */
export interface Base {
  readonly platform: Platform;
  readonly localUniqueId: string;
  readonly workerConstraints: { readonly filter: readonly string[] };
  readonly metadata: OpMetadata;
  readonly caps: ReadonlySet<string> | undefined;
}

/** Completes the marshal options. */
export function baseOf(options: MarshalOptions, place: Place): Base {
  const { filters, metadata } = constraintsOf(options, place);
  const { platform, caps, localUniqueId = randomId() } = options;
  return {
    platform: platformOf(platform, place),
    localUniqueId,
    workerConstraints: { filter: filters },
    metadata,
    caps: caps && new Set(caps),
  };
}

/** 25 characters of chance. */
function randomId(): string {
  const digits = "0123456789abcdefghijklmnopqrstuvwxyz";
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(25));
  return Array.from(bytes, (byte) => digits[byte % digits.length]).join("");
}
