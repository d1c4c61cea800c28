export { type BuildkitdOptions, startBuildkitd } from "./buildkitd.ts";
export type { Daemon, Entitlement, PrivateDaemon, PrivateDaemonOptions, RegistryOptions } from "./daemon.ts";
export { DaemonError, type DaemonFailure } from "./daemon-error.ts";
export { type DockerdOptions, startDockerd } from "./dockerd.ts";
export { type FindOrStartOptions, findOrStartDaemon } from "./find-or-start.ts";
export { type Relay, type RelayOptions, startRelay } from "./relay.ts";
