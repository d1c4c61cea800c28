import { BuildkitError } from "@buildkit-node/core";
import type {
  BuildFunction,
  Gateway,
  ImageRequest,
  ResolvedImage,
  SourceMeta,
  SourceMetaRequest,
} from "@buildkit-node/gateway";
import type { SolveOptions } from "./solve/solve-options.ts";

/** Who serves credentials and layouts while the daemon is asked. */
export type LookUpServices = Pick<SolveOptions, "session" | "auth" | "layouts" | "attachables">;

/** What is asked about an image. */
export interface ResolveImageOptions extends ImageRequest, LookUpServices {}

/** What is asked about a source. Private git repositories want `secrets` or `ssh`. */
export interface ResolveSourceOptions
  extends SourceMetaRequest,
    LookUpServices,
    Pick<SolveOptions, "secrets" | "ssh"> {}

/** Runs a build function to its end. */
type RunBuild = (build: BuildFunction, options: SolveOptions) => Promise<unknown>;

/** Finds out about an image. */
export function resolveImageConfig(
  run: RunBuild,
  ref: string,
  { session, auth, layouts, attachables, ...request }: ResolveImageOptions,
): Promise<ResolvedImage> {
  const services = { session, auth, layouts, attachables, signal: request.signal };
  return lookUp(run, services, (gateway) => gateway.resolveImageConfig(ref, request));
}

/** Finds out what a source stands for. */
export function resolveSourceMeta(
  run: RunBuild,
  { session, auth, layouts, attachables, secrets, ssh, ...request }: ResolveSourceOptions,
): Promise<SourceMeta> {
  const services = { session, auth, layouts, attachables, secrets, ssh, signal: request.signal };
  return lookUp(run, services, (gateway) => gateway.resolveSourceMeta(request));
}

type Services = { readonly [Key in keyof SolveOptions]: SolveOptions[Key] | undefined };

/** Asks within a build that makes nothing and leaves no record: only there does the daemon answer. */
async function lookUp<T>(
  run: RunBuild,
  services: Services,
  ask: (gateway: Gateway) => Promise<T>,
): Promise<T> {
  const given = Object.entries(services).filter(([, value]) => value !== undefined);
  let found: { readonly answer: T } | undefined;
  await run(
    async (gateway) => {
      found = { answer: await ask(gateway) };
    },
    { ...Object.fromEntries(given), internal: true },
  );
  if (found === undefined) {
    throw new BuildkitError("ERR_BUILDKIT_PROTOCOL", "the daemon ended the build without an answer");
  }
  return found.answer;
}
