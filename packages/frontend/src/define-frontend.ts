import type { BuildFunction, BuildOutput, Gateway, Result } from "@buildkit-node/gateway";
import { Definition, marshal, resolve, type State } from "@buildkit-node/llb";
import { StatusError } from "@buildkit-node/transport";
import { FrontendRequest, type SourceDefaults } from "./request/frontend-request.ts";
import { convertLlbResult, convertLlbSubrequest } from "./subrequest/convert-llb.ts";
import { describeResult, describeSubrequest } from "./subrequest/describe.ts";
import { type LintWarning, lintResult, lintSubrequest } from "./subrequest/lint.ts";
import { type Outline, outlineResult, outlineSubrequest } from "./subrequest/outline.ts";
import type { Subrequest } from "./subrequest/subrequest.ts";
import { type Target, targetsResult, targetsSubrequest } from "./subrequest/targets.ts";

/** Builds what a caller asks for. What it throws reaches the user: see `SourceFile.error`. */
export type FrontendFunction = (
  gateway: Gateway,
  request: FrontendRequest,
) => Promise<BuildOutput> | BuildOutput;

/** What a frontend can do besides building, and what it calls its input. */
export interface FrontendOptions {
  /** The input file when the caller names none. Default: `Dockerfile`, which is what Docker's tools send. */
  readonly filename?: string;
  /** The language of the input file in the words of GitHub's linguist, such as `YAML`. Default: none. */
  readonly language?: string;
  /** What the chosen target takes: `docker build --call=outline`. */
  readonly outline?: (gateway: Gateway, request: FrontendRequest) => Promise<Outline> | Outline;
  /** What can be built by name: `docker build --call=targets`. */
  readonly targets?: (
    gateway: Gateway,
    request: FrontendRequest,
  ) => Promise<readonly Target[]> | readonly Target[];
  /** What is not as it should be: `docker build --call=check`. It is called for each build, too, to show the warnings. */
  readonly lint?: (
    gateway: Gateway,
    request: FrontendRequest,
  ) => Promise<readonly LintWarning[]> | readonly LintWarning[];
}

/**
 * A frontend: a build function that reads Docker's conventions. A client runs it (`client.build(frontend)`), an image
 * does (`runFrontend`), and so does a test (`recordBuild`).
 */
export interface Frontend extends BuildFunction {
  readonly options: FrontendOptions;
}

/** Features that frontends announce in their image's labels, and that this one has. */
export const frontendCaps: readonly string[] = [
  "moby.buildkit.frontend.inputs",
  "moby.buildkit.frontend.subrequests",
  "moby.buildkit.frontend.contexts",
  "moby.buildkit.frontend.gitquerystring",
];

/**
 * Makes a frontend of a function that reads a request and returns what is to be built: a state, a reference, or a result
 * such as `request.build` puts together.
 */
export function defineFrontend(build: FrontendFunction, options: FrontendOptions = {}): Frontend {
  const defaults: SourceDefaults = {
    filename: options.filename ?? "Dockerfile",
    language: options.language ?? "",
  };
  const run = async (gateway: Gateway): Promise<BuildOutput> => {
    const request = new FrontendRequest(gateway, defaults);
    checkCaps(request);
    const { requestId } = request.options;
    return requestId === ""
      ? buildWithWarnings(gateway, request, build, options)
      : serve(requestId, gateway, request, build, options);
  };
  return Object.assign(run, { options });
}

async function buildWithWarnings(
  gateway: Gateway,
  request: FrontendRequest,
  build: FrontendFunction,
  { lint }: FrontendOptions,
): Promise<BuildOutput> {
  const warnings = (await lint?.(gateway, request)) ?? [];
  for (const { detail, description, url, rule, location } of warnings) {
    await request.warn({
      short: `${rule}: ${detail}`,
      ...(description !== undefined && { detail: [description] }),
      ...(url !== undefined && { url }),
      ...(location && { ranges: location.ranges.map(({ start, end = start }) => ({ start, end })) }),
    });
  }
  return build(gateway, request);
}

async function serve(
  requestId: string,
  gateway: Gateway,
  request: FrontendRequest,
  build: FrontendFunction,
  options: FrontendOptions,
): Promise<Result> {
  const { outline, targets, lint } = options;
  if (requestId === describeSubrequest.name) return describeResult(subrequestsOf(options));
  if (requestId === convertLlbSubrequest.name) return convert(gateway, request, build);
  if (requestId === outlineSubrequest.name && outline) return outlineResult(await outline(gateway, request));
  if (requestId === targetsSubrequest.name && targets) return targetsResult(await targets(gateway, request));
  if (requestId === lintSubrequest.name && lint) {
    try {
      return lintResult(await lint(gateway, request));
    } catch (failure) {
      return lintResult([], failure);
    }
  }
  throw unsupported(`unsupported request ${requestId}`, "errdefs.Subrequest+json", requestId);
}

function subrequestsOf({ outline, targets, lint }: FrontendOptions): readonly Subrequest[] {
  return [
    ...(outline ? [outlineSubrequest] : []),
    ...(targets ? [targetsSubrequest] : []),
    ...(lint ? [lintSubrequest] : []),
    convertLlbSubrequest,
    describeSubrequest,
  ];
}

/** The graph for the first platform that is asked for. */
async function convert(gateway: Gateway, request: FrontendRequest, build: FrontendFunction): Promise<Result> {
  const output = await build(gateway, request);
  const [platform = gateway.platform] = request.platforms;
  const graph = graphOf(output);
  if (graph instanceof Definition) return convertLlbResult(graph);
  const state = graph && (await resolve(graph, { platform, resolver: gateway.resolver }));
  return convertLlbResult(state === undefined ? Definition.empty : marshal(state, { platform }));
}

function graphOf(output: BuildOutput): State | Definition | undefined {
  if (output === undefined || output instanceof Definition) return output;
  const tree = "metadata" in output ? (output.ref ?? output.refs?.values().next().value) : output;
  return tree === undefined || tree instanceof Definition ? tree : "toState" in tree ? tree.toState() : tree;
}

/** What a `+forward` adds is for frontends that pass a build on. */
function checkCaps({ options }: FrontendRequest): void {
  const missing = options.requiredCaps
    .map((cap) => cap.replace(/\+forward$/, ""))
    .find((cap) => !frontendCaps.includes(cap));
  if (missing !== undefined) {
    throw unsupported(`unsupported frontend capability ${missing}`, "errdefs.FrontendCap+json", missing);
  }
}

/** In the form in which callers recognise it. */
function unsupported(text: string, type: string, name: string): StatusError {
  const value = new TextEncoder().encode(JSON.stringify({ name }));
  return new StatusError({
    method: "",
    status: "Unimplemented",
    text,
    details: [{ type, value }],
    reset: false,
  });
}
