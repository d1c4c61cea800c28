import { BuildkitError, onAbort, randomId } from "@buildkit-node/core";
import { Control } from "@buildkit-node/proto/control";
import { LLBBridge } from "@buildkit-node/proto/gateway";
import type { Connection } from "@buildkit-node/transport";
import { type Client, createClient } from "@connectrpc/connect";

/** The daemon's gateway, and what every call to it must be given. */
export interface GatewayCall {
  readonly bridge: Client<typeof LLBBridge>;
  readonly options: { readonly signal: AbortSignal; readonly headers: Readonly<Record<string, string>> };
}

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
  ask: (call: GatewayCall) => Promise<T>,
  { session = "", timeoutMs, signal }: AskOptions,
): Promise<T> {
  const scope = new AbortController();
  const timer = setTimeout(() => scope.abort(unanswered(connection, timeoutMs)), timeoutMs);
  const forwarding = onAbort(signal, (reason) => scope.abort(reason));
  try {
    return await drive(connection, session, ask, scope.signal);
  } finally {
    clearTimeout(timer);
    forwarding[Symbol.dispose]();
    scope.abort();
  }
}

async function drive<T>(
  connection: Connection,
  session: string,
  ask: (call: GatewayCall) => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const ref = randomId();
  const options = { signal, headers: { "buildkit-controlapi-buildid": ref } };
  const bridge = createClient(LLBBridge, connection.rpc);
  const control = createClient(Control, connection.rpc);
  const solving = control.solve({ Ref: ref, Session: session, Internal: true }, { signal });
  const asking = ask({ bridge, options });
  // A build that cannot begin fails by itself; the gateway would wait for it.
  const answer = await Promise.race([asking, solving.then(() => asking)]);
  // A return with neither a result nor an error crashes the daemon: this one has an empty result.
  await bridge.return({ result: { result: { case: "ref", value: { id: "" } } } }, options);
  await solving;
  return answer;
}

function unanswered(connection: Connection, timeoutMs: number): BuildkitError {
  const message = `the daemon at ${connection.address} did not answer within ${timeoutMs} ms`;
  return new BuildkitError("ERR_BUILDKIT_PROTOCOL", message);
}
