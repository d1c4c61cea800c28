import { type ProgressSink, within } from "@buildkit-node/core";
import { refuseSharedDestinations } from "@buildkit-node/exporters";
import { runBuildFunction } from "@buildkit-node/gateway";
import { normalizePlatform, type Platform, parsePlatform } from "@buildkit-node/oci";
import type { ContentStore } from "@buildkit-node/session";
import type { Connection, Link } from "@buildkit-node/transport";
import { type CacheSet, cacheDestinations, prepareCaches } from "../cache/prepare-caches.ts";
import { defaultPlatform } from "../default-platform.ts";
import { imageResolver } from "../resolve-image.ts";
import { exportStoreId } from "../session/result-routes.ts";
import { type BuildSession, planSession, type SessionPlan } from "../session/session-plan.ts";
import { attachDisplay } from "../status/attach-display.ts";
import type { BuildWork, RunningSolve } from "./build.ts";
import type { Drive } from "./drive-solve.ts";
import { withConfigInResult } from "./engine-image.ts";
import { type ExportSet, prepareExports } from "./export-set.ts";
import { type MarshalledInput, marshalInput } from "./marshal-input.ts";
import { requireCapabilities } from "./require-capabilities.ts";
import { requireDevices } from "./require-devices.ts";
import { runSolve } from "./run-solve.ts";
import { solveAnswer } from "./solve-answer.ts";
import { type KnownInput, knownInput, type SolveInput } from "./solve-input.ts";
import type { Exporters, SolveOptions } from "./solve-options.ts";
import type { SolveFields } from "./solve-request.ts";
import type { SolveResult } from "./solve-result.ts";

/**
 * What a build does, ready to be started. What can be found wrong before anything is sent is found here.
 *
 * @throws {InvalidArgumentError}
 */
export function planBuild<E extends Exporters>(
  link: Link,
  ref: string,
  input: SolveInput,
  options: SolveOptions<E>,
): BuildWork<SolveResult<E>> {
  const plan: BuildPlan<E> = {
    ref,
    input: knownInput(input),
    options,
    session: planSession(link, ref, options),
  };
  refuseSharedDestinations([...exportersOf(options), ...cacheDestinations(options)]);
  const { name, progress } = options;
  return async (signal, onStarted) => {
    const display = progress && attachDisplay(progress, { ref, ...(name !== undefined && { name }) });
    try {
      const connection = await link.connection(signal);
      const result = await build(plan, { connection, display, signal, onStarted });
      await display?.end({});
      return result;
    } catch (error) {
      await display?.end({ error: signal.aborted ? signal.reason : error });
      throw error;
    }
  };
}

interface BuildPlan<E extends Exporters> {
  readonly ref: string;
  readonly input: KnownInput;
  readonly options: SolveOptions<E>;
  readonly session: SessionPlan;
}

interface BuildRun {
  readonly connection: Connection;
  readonly display: ProgressSink | undefined;
  readonly signal: AbortSignal;
  readonly onStarted: (running: RunningSolve) => void;
}

/** How long the end of a session may take that has served no build. */
const unusedSessionMs = 1_000;

async function build<E extends Exporters>(plan: BuildPlan<E>, run: BuildRun): Promise<SolveResult<E>> {
  const { connection, display, signal } = run;
  let opening: Promise<BuildSession> | undefined;
  const openSession = () => (opening ??= plan.session.open(connection, signal));
  let exports: ExportSet<E> | undefined;
  try {
    const marshalled = await marshal(plan, run, openSession);
    exports = await prepareExports(exportersOf(plan.options), {
      daemon: connection.address,
      ...(marshalled.images && { images: marshalled.images }),
      signal,
    });
    const input = withConfigInResult(marshalled, exports.requests);
    const caches = await prepareCaches(plan.options, signal);
    await requireCapabilities(connection, plan.options, exports.requests.length, signal);
    await requireDevices(connection, marshalled, signal);
    plan.session.receive({
      sinks: exports.sinks,
      stores: new Map([...storesOf(exports), ...caches.stores]),
      chooser: plan.options.sessionExporters,
    });
    const request = { ...requestFields(plan, input), ...cacheFields(plan, input, caches) };
    const session = plan.session.needed || input.fetches ? await openSession() : await opening;
    const response = await runSolve({
      connection,
      session,
      request: { ...request, ref: plan.ref, session: session?.id ?? "", exporters: exports.requests },
      onUpdate: (update) => display?.update(update),
      onStarted: (solve) => run.onStarted({ connection, solve }),
      signal,
      ...driveOf(input, plan, run, session, request.frontendAttrs),
    });
    await caches.finish(response);
    const answer = solveAnswer(connection, plan.ref, response, signal);
    const results = await exports.finish(answer);
    await caches.prune();
    return { ref: plan.ref, exports: results, response };
  } catch (error) {
    const session = await opening?.catch(() => undefined);
    await within(session?.close() ?? Promise.resolve(), unusedSessionMs);
    await exports?.discard();
    throw error;
  }
}

function driveOf<E extends Exporters>(
  { drive }: MarshalledInput,
  { ref }: BuildPlan<E>,
  { connection }: BuildRun,
  session: BuildSession | undefined,
  options: Readonly<Record<string, string>>,
): { readonly drive?: Drive } {
  if (drive === undefined) return {};
  const fields = { buildId: ref, options, sessionId: session?.id ?? "" };
  return {
    drive: (signal) => runBuildFunction({ ...fields, connection, signal }, drive),
  };
}

/** The session is opened early only for images that must be looked up: wrong input fails before anything is sent. */
function marshal<E extends Exporters>(
  { input, options, session }: BuildPlan<E>,
  { connection, signal }: BuildRun,
  openSession: () => Promise<BuildSession>,
): Promise<MarshalledInput> {
  return marshalInput(input, {
    platform: () => platformFor(options.platform, connection, signal),
    resolver: imageResolver(connection, async () => (await openSession()).id),
    locals: session.locals,
    signal,
  });
}

async function platformFor(
  wanted: SolveOptions["platform"],
  connection: Connection,
  signal: AbortSignal,
): Promise<Platform> {
  if (wanted === undefined) return defaultPlatform(connection, signal);
  return typeof wanted === "string" ? normalizePlatform(parsePlatform(wanted)) : wanted;
}

function exportersOf<E extends Exporters>({ exports }: SolveOptions<E>): E {
  // Without `exports` the type of them is the widest one, which no exporters at all satisfy.
  return exports ?? ([] as unknown as E);
}

/** The store of the images that are not sent as archives; daemons know one for all of a build. */
function storesOf({ store }: ExportSet<Exporters>): readonly (readonly [string, ContentStore])[] {
  return store === undefined ? [] : [[exportStoreId, store]];
}

/** Frontends and build functions look in the caches of their own accord, and are told which by an option. */
function cacheFields<E extends Exporters>(
  { options }: BuildPlan<E>,
  { frontend, drive }: MarshalledInput,
  { imports, exports }: CacheSet,
): Pick<SolveFields, "frontendAttrs" | "cacheImports" | "cacheExports"> {
  const told = imports.length > 0 && (frontend !== "" || drive !== undefined);
  const entries = imports.map(({ type, attrs }) => ({ Type: type, Attrs: attrs }));
  return {
    frontendAttrs: { ...(told && { "cache-imports": JSON.stringify(entries) }), ...options.frontendAttrs },
    cacheImports: imports,
    cacheExports: exports,
  };
}

function requestFields<E extends Exporters>(
  { options, session }: BuildPlan<E>,
  { definition, frontend, frontendInputs }: MarshalledInput,
): Omit<SolveFields, "ref" | "session" | "exporters" | "frontendAttrs" | "cacheImports" | "cacheExports"> {
  return {
    ...(definition && { definition }),
    frontend,
    frontendInputs,
    entitlements: options.entitlements ?? [],
    internal: options.internal ?? false,
    ...(options.sourceRules && { sourceRules: options.sourceRules }),
    sessionExporters: options.sessionExporters !== undefined,
    sourcePolicy: session.decides,
    compatibilityVersion: options.compatibilityVersion ?? 0,
    proxyNetwork: options.proxyNetwork ?? false,
  };
}
