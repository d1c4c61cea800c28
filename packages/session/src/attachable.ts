import type { CallHandler } from "@buildkit-node/transport";

/** A service that a session offers to the daemon. */
export interface Attachable {
  /** Handlers by `/service/Method`. A handler's `CallError` is its answer; any other error fails the build. */
  readonly methods: ReadonlyMap<string, CallHandler>;
}
