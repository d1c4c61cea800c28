import fs from "node:fs";
import path from "node:path";
import { type ExportSink, fileSend, openSession, type Session } from "@buildkit-node/session";
import { onTestFinished } from "vitest";
import { modeBits, receivePacket, type StatInit, sendPacket, sendStat } from "./packets.ts";
import { type DaemonCall, type DaemonSession, scriptedDaemon } from "./scripted-daemon.ts";

export const diffCopyMethod = "/moby.filesync.v1.FileSend/DiffCopy";

export interface Receiving {
  readonly session: Session;
  readonly daemon: DaemonSession;
}

export async function receiving(...sinks: ExportSink[]): Promise<Receiving> {
  const { connection, nextSession } = await scriptedDaemon();
  const session = await openSession(connection, { attachables: [fileSend(new Map(sinks.entries()))] });
  onTestFinished(() => session.close());
  return { session, daemon: await nextSession() };
}

export function diffCopy(daemon: DaemonSession, id: number | undefined = 0): DaemonCall {
  return daemon.call(
    diffCopyMethod,
    id === undefined ? {} : { "buildkit-attachable-exporter-id": String(id) },
  );
}

export type Entry = StatInit & { readonly contents?: string | Buffer };

export const directory = (path: string, mode = 0o755): Entry => ({
  path,
  mode: (modeBits.directory | mode) >>> 0,
});

/** Sends a tree as a daemon does, answering each request, and waits for the end. */
export async function sendTree(call: DaemonCall, entries: readonly Entry[]): Promise<void> {
  for (const { contents: _, ...stat } of entries) sendStat(call, stat);
  sendPacket(call, "STAT");
  for (let packet = await receivePacket(call); packet !== undefined; packet = await receivePacket(call)) {
    if (packet.type === 1) sendContents(call, packet.ID, entries[packet.ID]?.contents ?? "");
    else if (packet.type === 3) sendPacket(call, "FIN");
    else break;
  }
}

export function sendContents(call: DaemonCall, id: number, contents: string | Buffer): void {
  const bytes = Buffer.from(contents);
  for (let at = 0; at < bytes.length; at += 32_768)
    sendPacket(call, "DATA", { id, data: bytes.subarray(at, at + 32_768) });
  sendPacket(call, "DATA", { id });
}

/** What is in a directory: type, permissions, and contents or target. */
export function contentsOf(root: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of fs.readdirSync(root, { recursive: true, encoding: "utf8" }).sort()) {
    const full = path.join(root, name);
    const stat = fs.lstatSync(full);
    const permissions = (stat.mode & 0o7777).toString(8);
    if (stat.isDirectory()) found[name] = `directory ${permissions}`;
    else if (stat.isSymbolicLink()) found[name] = `link ${fs.readlinkSync(full)}`;
    else if (stat.isFIFO()) found[name] = `pipe ${permissions}`;
    else found[name] = `file ${permissions} ${fs.readFileSync(full)}`;
  }
  return found;
}
