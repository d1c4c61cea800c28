import type { ImageResolver } from "@buildkit-node/llb";
import { normalizePlatform } from "@buildkit-node/oci";
import type { ReferenceOwner } from "../reference.ts";
import { resolveRoot } from "./resolve-root.ts";

/** Looks up what a graph needs of an image: digest and config, without the documents in between. */
export function configResolver(owner: ReferenceOwner & { readonly sessionId: string }): ImageResolver {
  return {
    resolveImageConfig: (name, { platform, resolveMode, layout, signal }) => {
      const sessionId = layout?.session ?? owner.sessionId;
      const place = { name, store: layout?.store, sessionId, resolveMode, logName: "" };
      return resolveRoot(owner, place, normalizePlatform(platform), signal);
    },
  };
}
