import type { ImageResolver } from "@buildkit-node/llb";
import type { Connection } from "@buildkit-node/transport";
import { askGateway } from "./ask-gateway.ts";

/** An image's documents may have to be fetched from a registry far away. */
const timeoutMs = 120_000;

/**
 * Looks images up through the daemon: its mirrors, its image store and the session's credentials apply.
 *
 * @param sessionId opens the session, or gives an empty text for none
 */
export function imageResolver(connection: Connection, sessionId: () => Promise<string>): ImageResolver {
  return {
    resolveImageConfig: async (ref, options) => {
      const { signal } = options;
      const session = await sessionId();
      return askGateway(connection, ({ resolver }) => resolver.resolveImageConfig(ref, options), {
        session,
        timeoutMs,
        ...(signal !== undefined && { signal }),
      });
    },
  };
}
