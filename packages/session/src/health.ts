import type { CallHandler, ServerCall } from "@buildkit-node/transport";
import type { Attachable } from "./attachable.ts";

/** `HealthCheckResponse { status: SERVING }`. */
const serving = Buffer.of(0x08, 0x01);

/** Answers the checks by which a daemon tells whether a session is alive: every five seconds, two may be missed. */
export class Health implements Attachable {
  readonly methods: ReadonlyMap<string, CallHandler> = new Map([
    ["/grpc.health.v1.Health/Check", (call: ServerCall) => this.#check(call)],
  ]);
  #lastCheck: number | undefined;

  /** Milliseconds since the daemon last asked; `undefined` when it never has. */
  get sinceLastCheckMs(): number | undefined {
    return this.#lastCheck === undefined ? undefined : performance.now() - this.#lastCheck;
  }

  async #check(call: ServerCall): Promise<void> {
    await call.read(() => {});
    this.#lastCheck = performance.now();
    call.send(serving);
  }
}
