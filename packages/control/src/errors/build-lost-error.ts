import { ConnectionLostError } from "@buildkit-node/transport";

/**
 * The connection was lost while a build ran. A daemon cancels a build once it misses its client; until it does, and where only
 * the way to it is broken, the build goes on and may come to its end. The history tells.
 */
export class BuildLostError extends ConnectionLostError {
  override readonly name: string = "BuildLostError";
  /** The build's reference, for `history.wait()` and `history.updates()`. */
  readonly ref: string;

  constructor(ref: string, { address, cause }: ConnectionLostError) {
    super(address, cause, `what became of the build ${ref} is told by history.wait(${JSON.stringify(ref)})`);
    this.ref = ref;
  }
}
