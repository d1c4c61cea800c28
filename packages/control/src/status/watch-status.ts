import type { StatusUpdate } from "@buildkit-node/core";
import { BuildService } from "@buildkit-node/proto/control";
import { type Connection, scopedStream } from "@buildkit-node/transport";
import { createClient } from "@connectrpc/connect";
import { statusUpdateFromProto } from "./status-update.ts";

/** The daemon's clock when it began to answer. */
const clockHeader = "buildkit-current-timestamp";

/**
 * A build's status from its start to its end, in this machine's clock. The daemon keeps what a reader has not yet
 * taken, so a slow reader loses nothing and holds up nobody. It waits some seconds for a build that it does not know
 * yet; a build that is over is told again from the history, where the daemon has one.
 *
 * Leaving the loop ends the call, not the build.
 */
export async function* watchStatus(
  connection: Connection,
  ref: string,
  signal?: AbortSignal,
): AsyncGenerator<StatusUpdate, void, undefined> {
  const control = createClient(BuildService, connection.rpc);
  let skewMs = 0;
  const onHeader = (headers: Headers) => {
    skewMs = clockSkewMs(headers.get(clockHeader), Date.now());
  };
  const responses = scopedStream(
    (scoped) => control.status({ Ref: ref }, { signal: scoped, onHeader }),
    signal,
  );
  for await (const response of responses) yield statusUpdateFromProto(response, skewMs);
}

/** What to add to the daemon's times to have them in this machine's clock; 0 where it does not tell its own. */
export function clockSkewMs(header: string | null, nowMs: number): number {
  if (header === null) return 0;
  // RFC 3339 with up to nine digits of a second; Date takes three of them.
  const daemonMs = Date.parse(header.replace(/(\.\d{3})\d*/, "$1"));
  return Number.isNaN(daemonMs) ? 0 : nowMs - daemonMs;
}
