import type { ImageResolver, ResolvedImage } from "@buildkit-node/llb";
import type { Connection } from "@buildkit-node/transport";
import { askGateway } from "./ask-gateway.ts";

/** An image's manifest may have to be fetched from a registry far away. */
const timeoutMs = 120_000;

/**
 * Looks images up through the daemon: its mirrors, its image store and the session's credentials apply.
 *
 * @param sessionId opens the session, or gives an empty text for none
 */
export function imageResolver(connection: Connection, sessionId: () => Promise<string>): ImageResolver {
  return {
    resolveImageConfig: async (ref, { platform, resolveMode, signal }): Promise<ResolvedImage> => {
      const request = {
        Ref: ref,
        Platform: {
          OS: platform.os,
          Architecture: platform.architecture,
          Variant: platform.variant ?? "",
          OSVersion: platform.osVersion ?? "",
          OSFeatures: [...(platform.osFeatures ?? [])],
        },
        ResolveMode: resolveMode,
      };
      const session = await sessionId();
      const found = await askGateway(
        connection,
        ({ bridge, options }) => bridge.resolveImageConfig(request, options),
        { session, timeoutMs, ...(signal && { signal }) },
      );
      return {
        digest: found.Digest,
        config: found.Config,
        ...(found.Ref !== "" && { ref: found.Ref }),
      };
    },
  };
}
