import { BuildkitError } from "@buildkit-node/core";
import { Content } from "@buildkit-node/proto/content";
import { LLBBridge } from "@buildkit-node/proto/gateway";
import { type Client, createClient, type Transport } from "@connectrpc/connect";

/** Names the build that a call belongs to. A frontend in an image needs no name: its pipe belongs to one build. */
const buildIdHeader = "buildkit-controlapi-buildid";

/** How a call ends early, and to which build it belongs. */
export interface CallOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** The daemon's services for one build. It is open until the build's result has been returned. */
export class Bridge {
  readonly rpc: Client<typeof LLBBridge>;
  /** Blobs by digest; absent on a frontend's pipe, which carries no such service. */
  readonly content: Client<typeof Content> | undefined;
  readonly buildId: string | undefined;
  #ended = false;

  /** @param buildId the build that a client drives; absent for a frontend in an image */
  constructor(transport: Transport, buildId: string | undefined) {
    this.rpc = createClient(LLBBridge, transport);
    this.content = buildId === undefined ? undefined : createClient(Content, transport);
    this.buildId = buildId;
  }

  /** The options of a call that belongs to the build. */
  call(signal: AbortSignal | undefined): CallOptions {
    if (this.#ended) {
      throw new BuildkitError(
        "ERR_BUILDKIT_CLOSED",
        "the build has ended: its gateway can no longer be used",
      );
    }
    return {
      ...(this.buildId !== undefined && { headers: { [buildIdHeader]: this.buildId } }),
      ...(signal !== undefined && { signal }),
    };
  }

  /** No calls after this one. */
  end(): void {
    this.#ended = true;
  }
}
