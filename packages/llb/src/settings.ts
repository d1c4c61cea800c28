import type { Image, Platform } from "@buildkit-node/oci";
import { Env } from "./env.ts";
import { LlbError, shown } from "./error.ts";
import type { ExtraHost } from "./extra-host.ts";
import type { Place } from "./place.ts";
import type { Ulimit } from "./ulimit.ts";

/** Who a step may talk to. A number is the raw value of a mode newer than this library. */
export type NetworkMode = "sandbox" | "host" | "none" | (number & {});

/** How a step is confined; `insecure` needs an entitlement. */
export type SecurityMode = "sandbox" | "insecure";

/** What a state remembers for the steps that follow, beside its files. */
export interface Settings {
  readonly env: Env;
  /** Where commands run and relative paths start. Default: `/`. */
  readonly dir: string;
  /** `name` or `name:group`, empty for the default user. */
  readonly user: string;
  readonly hostname: string;
  readonly network: NetworkMode;
  readonly security: SecurityMode;
  readonly extraHosts: readonly ExtraHost[];
  readonly ulimits: readonly Ulimit[];
  readonly cgroupParent: string;
  /** In normal form. */
  readonly platform?: Platform;
  /** The last image config that was applied. */
  readonly image?: Image;
}

/** What a fresh state has. */
export const defaultSettings: Settings = Object.freeze({
  env: Env.empty,
  dir: "/",
  user: "",
  hostname: "",
  network: "sandbox",
  security: "sandbox",
  extraHosts: Object.freeze([]),
  ulimits: Object.freeze([]),
  cgroupParent: "",
});

/** The settings with some of them changed. */
export function changed(settings: Settings, changes: Partial<Settings>): Settings {
  return Object.freeze({ ...settings, ...changes });
}

/** Refuses a network mode that is neither a known name nor a raw value. */
export function checkNetwork(mode: NetworkMode, place: Place): void {
  const isKnown =
    typeof mode === "number" ? Number.isInteger(mode) : ["sandbox", "host", "none"].includes(mode);
  if (!isKnown) {
    throw new LlbError(`network mode ${shown(mode)} is none of sandbox, host, none`, {
      reason: "setting",
      value: mode,
      place,
    });
  }
}

/** Refuses a security mode that is not known. */
export function checkSecurity(mode: SecurityMode, place: Place): void {
  if (mode !== "sandbox" && mode !== "insecure") {
    throw new LlbError(`security mode ${shown(mode)} is neither sandbox nor insecure`, {
      reason: "setting",
      value: mode,
      place,
    });
  }
}
