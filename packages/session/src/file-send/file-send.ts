import { CallError, type ServerCall, StatusCode } from "@buildkit-node/transport";
import type { Attachable } from "../attachable.ts";
import type { ExportSink } from "./export-sink.ts";

const exporterIdKey = "buildkit-attachable-exporter-id";

/**
 * Receives the results of a build's exporters. `sinks` are by the exporter's place in the build's request. A daemon
 * before BuildKit 0.13 knows of one exporter only and names none.
 */
export function fileSend(sinks: ReadonlyMap<number, ExportSink>): Attachable {
  const serve = async (call: ServerCall): Promise<void> => {
    const id = Number.parseInt(call.metadata.get(exporterIdKey) ?? "0", 10) || 0;
    const sink = sinks.get(id);
    if (sink === undefined) throw new CallError(StatusCode.notFound, `exporter ${id} not found`);
    await sink.receive(call);
  };
  return { methods: new Map([["/moby.filesync.v1.FileSend/DiffCopy", serve]]) };
}
