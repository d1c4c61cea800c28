import { BuildkitError } from "@buildkit-node/core";
import type { BuildFunction, ImageRequest, ResolvedImage } from "@buildkit-node/gateway";
import type { SolveOptions } from "./solve/solve-options.ts";

/** What is asked about an image, and who serves credentials and layouts meanwhile. */
export interface ResolveImageOptions
  extends ImageRequest,
    Pick<SolveOptions, "auth" | "layouts" | "attachables"> {}

/**
 * Finds out about an image within a build that makes nothing and leaves no record: only there does the daemon answer.
 *
 * @param run runs a build function to its end
 */
export async function resolveImageConfig(
  run: (build: BuildFunction, options: SolveOptions) => Promise<unknown>,
  ref: string,
  { auth, layouts, attachables, ...request }: ResolveImageOptions,
): Promise<ResolvedImage> {
  let found: ResolvedImage | undefined;
  const { signal } = request;
  await run(
    async (gateway) => {
      found = await gateway.resolveImageConfig(ref, request);
    },
    {
      internal: true,
      ...(auth !== undefined && { auth }),
      ...(layouts !== undefined && { layouts }),
      ...(attachables !== undefined && { attachables }),
      ...(signal !== undefined && { signal }),
    },
  );
  if (found === undefined)
    throw new BuildkitError("ERR_BUILDKIT_PROTOCOL", `the daemon told nothing about ${ref}`);
  return found;
}
