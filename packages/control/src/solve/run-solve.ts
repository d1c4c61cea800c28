import { errorMessage, onAbort, SolveError, type StatusUpdate, within } from "@buildkit-node/core";
import { BuildService } from "@buildkit-node/proto/control";
import { type Connection, ConnectionLostError } from "@buildkit-node/transport";
import { createClient } from "@connectrpc/connect";
import { BuildLostError } from "../errors/build-lost-error.ts";
import { solveFailure } from "../errors/solve-failure.ts";
import { buildBaggage } from "../session/result-routes.ts";
import type { BuildSession } from "../session/session-plan.ts";
import { followBuild } from "../status/follow-build.ts";
import { type Drive, driveSolve, type Thrown } from "./drive-solve.ts";
import { type SolveFields, solveRequestToProto } from "./solve-request.ts";
import { StepLog } from "./step-log.ts";
import { traceHeaders } from "./trace-headers.ts";

export interface SolveRun {
  readonly connection: Connection;
  readonly request: SolveFields;
  /** The session that serves the build; absent when it needs none. The run closes it. */
  readonly session: BuildSession | undefined;
  /** The function that makes the result, for a build that this client drives. */
  readonly drive?: Drive;
  /** A promise holds further updates back until it resolves. */
  readonly onUpdate: (update: StatusUpdate) => void | Promise<void>;
  /** Called once the build is on its way to the daemon; the promise settles with its end there. */
  readonly onStarted: (solve: Promise<unknown>) => void;
  /** Cancels the build on the daemon. The run goes on until everything is torn down. */
  readonly signal: AbortSignal;
}

/** How long, after a failure, the end of the session and of the status may take. */
const sessionCloseMs = 2_000;
const statusEndMs = 6_000;

/**
 * One build from Solve to the last word of its status. The session outlives Solve on the daemon, also when the build is
 * canceled; the status is read to its end, because the last of it comes after Solve's answer.
 *
 * @returns the daemon's response, keys to values
 */
export async function runSolve(run: SolveRun): Promise<Readonly<Record<string, string>>> {
  const { connection, request, session } = run;
  const steps = new StepLog();
  const call = new AbortController();
  using _canceled = onAbort(run.signal, (reason) => call.abort(reason));
  const control = createClient(BuildService, connection.rpc);
  const solve = control.solve(solveRequestToProto(request), {
    signal: call.signal,
    headers: traceHeaders(session?.isShared === true ? buildBaggage(request.ref) : undefined),
  });
  run.onStarted(solve);
  const told = readStatus(run, solve, steps);
  const driven = run.drive && driveSolve(run.drive, solve, (reason) => call.abort(reason));
  try {
    const { ExporterResponse } = await solve;
    await session?.close();
    await told;
    return ExporterResponse;
  } catch (error) {
    const thrown = await driven;
    await endFailed(run, told);
    throw await explain(run, error, thrown, steps);
  }
}

/** The order matters to a canceled build: until its status ends, the daemon may still use the session. */
async function endFailed({ signal, session }: SolveRun, told: Promise<void>): Promise<void> {
  if (signal.aborted) await within(told, statusEndMs);
  await within(session?.close() ?? Promise.resolve(), sessionCloseMs);
  await within(told, statusEndMs);
}

async function explain(
  run: SolveRun,
  error: unknown,
  thrown: Thrown | undefined,
  steps: StepLog,
): Promise<unknown> {
  const { connection, request, session, signal } = run;
  if (signal.aborted) return error;
  if (error instanceof ConnectionLostError) return new BuildLostError(request.ref, error);
  // What failed on this side, or the loss of the session, is what the daemon's words are about.
  const failure = session?.failureBehind(errorMessage(error));
  if (failure !== undefined) return failure;
  if (session?.lost.aborted === true) return session.lost.reason;
  if (thrown !== undefined && !(thrown.error instanceof SolveError)) return thrown.error;
  return solveFailure(connection, request.ref, error, steps);
}

/** Never rejects: trouble with the status is no trouble with the build. */
async function readStatus(run: SolveRun, solve: Promise<unknown>, steps: StepLog): Promise<void> {
  try {
    for await (const update of followBuild(run.connection, run.request.ref, solve)) {
      steps.add(update);
      await run.onUpdate(update);
    }
  } catch {
    // Solve tells what went wrong.
  }
}
