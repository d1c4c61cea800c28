import { type ExtraHost, extraHostOf } from "./extra-host.ts";
import { dirBelow } from "./path.ts";
import type { Place } from "./place.ts";
import {
  checkNetwork,
  checkSecurity,
  type NetworkMode,
  type SecurityMode,
  type Settings,
} from "./settings.ts";
import { checkTexts } from "./text.ts";
import { type Ulimit, ulimitOf } from "./ulimit.ts";

/** Variables by name; those that are `undefined` are removed. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** Settings that can be given to one command. */
export interface CommandSettings {
  /** Variables beside those of the state. */
  readonly env?: Variables;
  /** Where the command runs, relative to the state's directory. */
  readonly dir?: string;
  readonly user?: string;
  readonly hostname?: string;
  readonly network?: NetworkMode;
  readonly security?: SecurityMode;
  readonly cgroupParent?: string;
  /** Hosts beside those of the state. */
  readonly extraHosts?: readonly ExtraHost[];
  /** Limits beside those of the state. */
  readonly ulimits?: readonly Ulimit[];
}

/** What settings for one command change, checked; undefined for nothing. */
export function commandChange(
  options: CommandSettings,
  place: Place,
): ((settings: Settings) => Partial<Settings>) | undefined {
  const { env, dir, user, hostname, network, security, cgroupParent, extraHosts, ulimits } = options;
  const isGiven =
    (env ?? dir ?? user ?? hostname ?? network ?? security ?? cgroupParent ?? extraHosts ?? ulimits) !==
    undefined;
  if (!isGiven) {
    return undefined;
  }
  if (network !== undefined) {
    checkNetwork(network, place);
  }
  if (security !== undefined) {
    checkSecurity(security, place);
  }
  const variables = Object.entries(env ?? {});
  checkTexts([...variables.flat(), dir, user, hostname, cgroupParent], place);
  const hosts = (extraHosts ?? []).map((host) => extraHostOf(host, place));
  const limits = (ulimits ?? []).map((limit) => ulimitOf(limit, place));
  return (settings) => ({
    env: variables.reduce((list, [name, value]) => list.set(name, value), settings.env),
    dir: dir === undefined ? settings.dir : dirBelow(settings.dir, dir),
    user: user ?? settings.user,
    hostname: hostname ?? settings.hostname,
    network: network ?? settings.network,
    security: security ?? settings.security,
    cgroupParent: cgroupParent ?? settings.cgroupParent,
    extraHosts: [...settings.extraHosts, ...hosts],
    ulimits: [...settings.ulimits, ...limits],
  });
}
