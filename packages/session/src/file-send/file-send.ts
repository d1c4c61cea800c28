import { CallError, type ServerCall, StatusCode } from "@buildkit-node/transport";
import type { Attachable } from "../attachable.ts";
import type { ExportSink } from "./export-sink.ts";

/** The sinks of a build, by the exporter's place in its request. */
export type ExportSinks = ReadonlyMap<number, ExportSink>;

const exporterIdKey = "buildkit-attachable-exporter-id";

/**
 * Receives the results of a build's exporters. A daemon before BuildKit 0.13 knows of one exporter only and names none.
 *
 * @param sinks those of the session's one build; or, in a session of several, finds those of the build that a call is for
 */
export function fileSend(sinks: ExportSinks | ((call: ServerCall) => ExportSinks)): Attachable {
  const find = typeof sinks === "function" ? sinks : () => sinks;
  const serve = async (call: ServerCall): Promise<void> => {
    const id = Number.parseInt(call.metadata.get(exporterIdKey) ?? "0", 10) || 0;
    const sink = find(call).get(id);
    if (sink === undefined) throw new CallError(StatusCode.notFound, `exporter ${id} not found`);
    await sink.receive(call);
  };
  return { methods: new Map([["/moby.filesync.v1.FileSend/DiffCopy", serve]]) };
}
