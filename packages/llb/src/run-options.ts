import type { CommandSettings } from "./command-settings.ts";
import type { StepOptions } from "./constraints.ts";
import type { Mount } from "./mount.ts";
import type { State } from "./state.ts";

/** Mounts as a list, or as states by target: each of these is writable and an output. */
export type Mounts = readonly Mount[] | Readonly<Record<string, State>>;

/** How a command is run. The settings hold for this command alone; those of the state hold for all that follow. */
export interface RunOptions<M extends Mounts = Mounts> extends StepOptions, CommandSettings {
  readonly mounts?: M;
  /** Anything else to change in the state for this command alone; the files it gives are the command's root. */
  readonly with?: (state: State) => State;
  /** The command cannot write to its root, which then is no output. Default: false. */
  readonly readonlyRoot?: boolean;
  /** The exit codes that count as success. Default: 0 alone. BuildKit 0.13 and later. */
  readonly validExitCodes?: readonly number[];
  /** Proxy variables, which do not influence caching. */
  readonly proxy?: ProxyEnv;
  /** Devices by the names of the Container Device Interface. BuildKit 0.20 and later. */
  readonly devices?: readonly (string | Device)[];
}

/** The values of the proxy variables. */
export interface ProxyEnv {
  readonly http?: string;
  readonly https?: string;
  readonly ftp?: string;
  readonly no?: string;
  readonly all?: string;
}

/** A device, such as `vendor.com/gpu=0`. */
export interface Device {
  readonly name: string;
  /** The command runs even when there is no such device. Default: false. */
  readonly optional?: boolean;
}
