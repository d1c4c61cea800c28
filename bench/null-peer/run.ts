import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import {
  directorySink,
  type ExportSink,
  fileSend,
  fileSync,
  openSession,
  streamSink,
} from "@buildkit-node/session";
import { openConnection } from "@buildkit-node/transport";
import type { NullPeerResult, Scenario } from "./scenario.ts";

/**
 * Moves files between this process and a peer that only speaks the protocol. `place` is the directory that is uploaded,
 * or where the export goes.
 */
export async function runNullPeer(scenario: Scenario, place: string): Promise<NullPeerResult> {
  const directory = await mkdtemp(path.join(tmpdir(), "null-peer-"));
  const socket = path.join(directory, "s");
  const program = fileURLToPath(new URL("./peer.ts", import.meta.url));
  const peer = fork(program, [socket, JSON.stringify(scenario)], { stdio: "inherit" });
  try {
    await once(peer, "message");
    const dialer = { address: "null-peer", authority: "localhost", dial: async () => connect(socket) };
    const connection = await openConnection(dialer, { signal: AbortSignal.timeout(10_000) });
    const sink = sinkFor(scenario, place);
    const attachable =
      sink === undefined ? fileSync({ directories: { context: place } }) : fileSend(new Map([[0, sink]]));
    const delay = monitorEventLoopDelay({ resolution: 5 });
    delay.enable();
    const before = process.cpuUsage();
    const session = await openSession(connection, { attachables: [attachable] });
    const [report]: { files: number; bytes: number; ms: number }[] = await once(peer, "message");
    if (session.failure !== undefined) throw session.failure;
    await sink?.commit();
    const { user, system } = process.cpuUsage(before);
    await session.close();
    await connection.close();
    if (report === undefined) throw new Error("the peer reported nothing");
    return {
      files: report.files,
      bytes: report.bytes,
      seconds: report.ms / 1000,
      cpuSeconds: (user + system) / 1e6,
      peakRssBytes: process.resourceUsage().maxRSS * 1024,
      longestStallMs: delay.max / 1e6,
    };
  } finally {
    peer.kill();
    await rm(directory, { recursive: true, force: true });
  }
}

function sinkFor(scenario: Scenario, place: string): ExportSink | undefined {
  if (scenario.kind === "upload") return undefined;
  return scenario.kind === "export-tree" ? directorySink({ dest: place }) : streamSink({ dest: place });
}
