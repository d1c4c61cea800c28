import { type ProgressSink, within } from "@buildkit-node/core";
import { runBuildFunction } from "@buildkit-node/gateway";
import { normalizePlatform, type Platform, parsePlatform } from "@buildkit-node/oci";
import type { Session } from "@buildkit-node/session";
import type { Connection, Link } from "@buildkit-node/transport";
import { defaultPlatform } from "../default-platform.ts";
import { imageResolver } from "../resolve-image.ts";
import type { BuildWork, RunningSolve } from "./build.ts";
import { planSession, type SessionPlan } from "./build-session.ts";
import type { Drive } from "./drive-solve.ts";
import { type ExportSet, prepareExports } from "./export-set.ts";
import { type MarshalledInput, marshalInput } from "./marshal-input.ts";
import { requireCapabilities } from "./require-capabilities.ts";
import { runSolve } from "./run-solve.ts";
import { solveAnswer } from "./solve-answer.ts";
import { type KnownInput, knownInput, type SolveInput } from "./solve-input.ts";
import type { CacheEntry, Exporters, SolveOptions } from "./solve-options.ts";
import type { SolveFields, TypedAttrs } from "./solve-request.ts";
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
  const plan: BuildPlan<E> = { ref, input: knownInput(input), options, session: planSession(options) };
  const { name, progress } = options;
  return async (signal, onStarted) => {
    const display = progress?.attach({ ref, ...(name !== undefined && { name }) });
    try {
      const connection = await link.connection(signal);
      const separate = (scope: AbortSignal) => link.separate(scope);
      const result = await build(plan, { connection, separate, display, signal, onStarted });
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
  readonly separate: (signal: AbortSignal) => Promise<Connection>;
  readonly display: ProgressSink | undefined;
  readonly signal: AbortSignal;
  readonly onStarted: (running: RunningSolve) => void;
}

/** How long the end of a session may take that has served no build. */
const unusedSessionMs = 1_000;

async function build<E extends Exporters>(plan: BuildPlan<E>, run: BuildRun): Promise<SolveResult<E>> {
  const { connection, display, signal } = run;
  let opening: Promise<Session> | undefined;
  const openSession = () => (opening ??= plan.session.open(connection, signal));
  let exports: ExportSet<E> | undefined;
  try {
    const input = await marshal(plan, run, openSession);
    exports = await prepareExports(exportersOf(plan.options), {
      daemon: connection.address,
      ...(input.images && { images: input.images }),
      signal,
    });
    await requireCapabilities(connection, plan.options, exports.requests.length, signal);
    plan.session.receive({
      sinks: exports.sinks,
      stores: new Map(exports.store === undefined ? [] : [["export", exports.store]]),
    });
    const session = plan.session.needed || input.fetches ? await openSession() : await opening;
    const response = await runSolve({
      connection,
      separate: run.separate,
      session,
      request: requestFields(plan, input, exports.requests, session),
      onUpdate: (update) => display?.update(update),
      onStarted: (solve) => run.onStarted({ connection, solve }),
      signal,
      ...driveOf(input, plan, connection, session),
    });
    const answer = solveAnswer(connection, plan.ref, response, signal);
    return { ref: plan.ref, exports: await exports.finish(answer), response };
  } catch (error) {
    const session = await opening?.catch(() => undefined);
    await within(session?.close() ?? Promise.resolve(), unusedSessionMs);
    await exports?.discard();
    throw error;
  }
}

function driveOf<E extends Exporters>(
  { drive }: MarshalledInput,
  { ref, options }: BuildPlan<E>,
  connection: Connection,
  session: Session | undefined,
): { readonly drive?: Drive } {
  if (drive === undefined) return {};
  const fields = {
    connection,
    buildId: ref,
    options: options.frontendAttrs ?? {},
    sessionId: session?.id ?? "",
  };
  return { drive: (signal) => runBuildFunction({ ...fields, signal }, drive) };
}

/** The session is opened early only for images that must be looked up: wrong input fails before anything is sent. */
function marshal<E extends Exporters>(
  { input, options, session }: BuildPlan<E>,
  { connection, signal }: BuildRun,
  openSession: () => Promise<Session>,
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

function requestFields<E extends Exporters>(
  { ref, options }: BuildPlan<E>,
  input: MarshalledInput,
  exporters: readonly TypedAttrs[],
  session: Session | undefined,
): SolveFields {
  const { definition, frontend, frontendInputs } = input;
  return {
    ref,
    session: session?.id ?? "",
    ...(definition && { definition }),
    frontend,
    frontendInputs,
    exporters,
    frontendAttrs: options.frontendAttrs ?? {},
    cacheImports: (options.cacheFrom ?? []).map(typedAttrs),
    cacheExports: (options.cacheTo ?? []).map(typedAttrs),
    entitlements: options.entitlements ?? [],
    internal: options.internal ?? false,
    ...(options.sourceRules && { sourceRules: options.sourceRules }),
    sessionExporters: options.sessionExporters !== undefined,
    sourcePolicy: options.sourcePolicy !== undefined,
    compatibilityVersion: options.compatibilityVersion ?? 0,
    proxyNetwork: options.proxyNetwork ?? false,
  };
}

function typedAttrs({ type, attrs = {} }: CacheEntry): TypedAttrs {
  return { type, attrs };
}
