import { BuildkitError, onAbort } from "@buildkit-node/core";
import { type Gateway, runBuildFunction } from "@buildkit-node/gateway";
import { Control } from "@buildkit-node/proto/control";
import type { Connection } from "@buildkit-node/transport";
import { randomId } from "@buildkit-node/transport/internal";
import { createClient } from "@connectrpc/connect";

export interface AskOptions {
  /** The id of the session whose credentials apply. */
  readonly session?: string;
  /** How long the question may take. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/**
 * Asks the daemon's gateway something. Only a build that a client drives may ask, so this makes one: it builds nothing
 * and leaves no record.
 */
export async function askGateway<T>(
  connection: Connection,
  ask: (gateway: Gateway) => Promise<T> | T,
  { session = "", timeoutMs, signal }: AskOptions,
): Promise<T> {
  const ref = randomId();
  const scope = new AbortController();
  const timer = setTimeout(() => scope.abort(unanswered(connection, timeoutMs)), timeoutMs);
  const forwarding = onAbort(signal, (reason) => scope.abort(reason));
  const control = createClient(Control, connection.rpc);
  const request = { Ref: ref, Session: session, Internal: true };
  const solving = control.solve(request, { signal: scope.signal });
  // A build that cannot begin fails by itself; the gateway would only miss it.
  solving.catch((error: unknown) => scope.abort(error));
  try {
    let answer: { readonly value: T } | undefined;
    const run = { connection, buildId: ref, sessionId: session, signal: scope.signal };
    await runBuildFunction(run, async (gateway) => {
      answer = { value: await ask(gateway) };
    });
    await solving;
    if (answer === undefined) throw unanswered(connection, timeoutMs);
    return answer.value;
  } finally {
    clearTimeout(timer);
    forwarding[Symbol.dispose]();
    scope.abort();
  }
}

function unanswered(connection: Connection, timeoutMs: number): BuildkitError {
  const message = `the daemon at ${connection.address} did not answer within ${timeoutMs} ms`;
  return new BuildkitError("ERR_BUILDKIT_PROTOCOL", message);
}
