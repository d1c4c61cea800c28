import { Socket } from "node:net";
import { Duplex } from "node:stream";
import { errorMessage } from "@buildkit-node/core";
import { type BuildFunction, runBuildFunction } from "@buildkit-node/gateway";
import { type Connection, type Dialer, openConnection } from "@buildkit-node/transport";

/** What a frontend's process was started with. */
export interface FrontendProcess {
  /** Default: the variables of this process. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** The pipe to the daemon. Default: the standard input and output of this process. */
  readonly pipe?: Duplex;
}

/** How long the daemon may take to greet. */
const connectMs = 30_000;

/**
 * Runs a frontend as the process of a frontend image and ends the process: it talks to the daemon over standard input and
 * output, and so must write nothing there; what it writes to the error output goes to the daemon's log. The exit code is
 * 0, as the daemon asks for, also when the build failed and the daemon has been told why. An error that nothing in the
 * process catches is the build's error, too. With a pipe of the caller's own the process goes on.
 */
export async function runFrontend(frontend: BuildFunction, process_: FrontendProcess = {}): Promise<void> {
  const { env = process.env, pipe } = process_;
  const connection = await openConnection(pipeDialer(pipe ?? standardPipe()), {
    signal: AbortSignal.timeout(connectMs),
  });
  if (pipe !== undefined) {
    await runTold(frontend, { connection, env });
    return connection.close();
  }
  const uncaught = new AbortController();
  process.on("uncaughtException", (error) => uncaught.abort(error));
  const told = await runTold(frontend, { connection, env, signal: uncaught.signal });
  // The daemon takes a pipe that closes before the process has ended for a crash, so it is left open.
  process.exit(told ? 0 : 1);
}

interface FrontendRun {
  readonly connection: Connection;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Ends the frontend with what nothing in the process has caught. */
  readonly signal?: AbortSignal;
}

/** Whether the daemon has the frontend's result, or its error. */
async function runTold(frontend: BuildFunction, { connection, env, signal }: FrontendRun): Promise<boolean> {
  const run = {
    connection,
    ...(signal !== undefined && { signal }),
    options: optionsFrom(env),
    sessionId: env["BUILDKIT_SESSION_ID"] ?? "",
    product: env["BUILDKIT_EXPORTEDPRODUCT"] ?? "",
  };
  try {
    await runBuildFunction(run, frontend);
    return true;
  } catch (error) {
    if (!connection.lost.aborted) return true;
    process.stderr.write(`${errorMessage(error)}\n`);
    return false;
  }
}

const optionPrefix = "BUILDKIT_FRONTEND_OPT_";

/** The options: each a variable with a number in its name, and the option's name and value in its value. */
export function optionsFrom(
  env: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> {
  const options: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith(optionPrefix) || value === undefined) continue;
    const at = value.indexOf("=");
    if (at >= 0) options[value.slice(0, at)] = value.slice(at + 1);
  }
  return options;
}

function standardPipe(): Duplex {
  const readable = new Socket({ fd: 0, readable: true, writable: false });
  const writable = new Socket({ fd: 1, readable: false, writable: true });
  return Duplex.from({ readable, writable });
}

function pipeDialer(pipe: Duplex): Dialer {
  return { address: "standard input and output", authority: "localhost", dial: () => Promise.resolve(pipe) };
}
