import type { Platform } from "@buildkit-node/oci";
import type { ImageResolver } from "./image-resolver.ts";

/** What a value that must be waited for is made from. */
export interface ResolveContext {
  /** The platform that the graph will be marshalled for. */
  readonly platform: Platform;
  readonly resolver: ImageResolver | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Gives the values that a deferred value needs. */
export type Resolved = <T>(deferred: Deferred<T>) => T;

/** A value that can be made only once others have been waited for. */
export class Deferred<out T> {
  readonly needs: readonly Deferred<unknown>[];
  readonly make: (resolved: Resolved, context: ResolveContext) => T | Promise<T>;

  constructor(
    needs: readonly Deferred<unknown>[],
    make: (resolved: Resolved, context: ResolveContext) => T | Promise<T>,
  ) {
    this.needs = needs;
    this.make = make;
  }
}
