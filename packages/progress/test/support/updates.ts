import type { StatusUpdate, Vertex, VertexLog, VertexStatus, VertexWarning } from "@buildkit-node/core";

/** An update with what is given, and nothing else. */
export function update(parts: Partial<StatusUpdate>): StatusUpdate {
  return { vertices: [], statuses: [], logs: [], warnings: [], ...parts };
}

export function vertex(digest: string, more: Partial<Vertex> = {}): Vertex {
  return { digest, inputs: [], name: `step ${digest}`, cached: false, ...more };
}

export function status(vertex: string, id: string, more: Partial<VertexStatus> = {}): VertexStatus {
  return { vertex, id, name: "", current: 0, total: 0, timestamp: 0, ...more };
}

export function log(vertex: string, text: string | Uint8Array, more: Partial<VertexLog> = {}): VertexLog {
  return { vertex, stream: "stdout", data: Buffer.from(text), timestamp: 0, ...more };
}

export function warning(vertex: string, short: string, more: Partial<VertexWarning> = {}): VertexWarning {
  return { vertex, level: 1, short, detail: [], ranges: [], ...more };
}
