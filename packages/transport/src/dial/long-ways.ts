// The ways to a daemon on which there is more than a socket: loaded when one is taken.
export { commandDialer } from "./command.ts";
export { dockerEngineDialer } from "./docker-engine.ts";
export { engineApi } from "./engine-api.ts";
export { helperCommand } from "./helper-command.ts";
export { tlsDialer } from "./tls.ts";
