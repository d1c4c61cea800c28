import { type StatusUpdate, within } from "@buildkit-node/core";
import { Control } from "@buildkit-node/proto/control";
import type { Session } from "@buildkit-node/session";
import { type Connection, ConnectionLostError } from "@buildkit-node/transport";
import { createClient } from "@connectrpc/connect";
import { solveFailure } from "../errors/solve-failure.ts";
import { followBuild } from "../status/follow-build.ts";
import { type SolveFields, solveRequestToProto } from "./solve-request.ts";
import { StepLog } from "./step-log.ts";

export interface SolveRun {
  readonly connection: Connection;
  readonly request: SolveFields;
  /** The session that serves the build; absent when it needs none. The run closes it. */
  readonly session: Session | undefined;
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
  const { connection, request, session, signal } = run;
  const steps = new StepLog();
  const control = createClient(Control, connection.rpc);
  const solve = control.solve(solveRequestToProto(request), { signal });
  run.onStarted(solve);
  const told = readStatus(run, solve, steps);
  try {
    const { ExporterResponse } = await solve;
    await session?.close();
    await told;
    return ExporterResponse;
  } catch (error) {
    // The daemon may still be letting go of a canceled build: until its status ends, it may use the session.
    if (signal.aborted) await within(told, statusEndMs);
    const lostSession = session?.state === "lost" ? session.lost.reason : undefined;
    await within(session?.close() ?? Promise.resolve(), sessionCloseMs);
    if (!signal.aborted) await within(told, statusEndMs);
    if (signal.aborted || error instanceof ConnectionLostError) throw error;
    // What failed on this side, or the loss of the session, is what the daemon's words are about.
    throw session?.failure ?? lostSession ?? (await solveFailure(connection, request.ref, error, steps));
  }
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
