import {
  type Range,
  type SourceInfo,
  type StatusUpdate,
  type Timestamp,
  type Vertex,
  type VertexLog,
  type VertexStatus,
  type VertexWarning,
  withoutPasswords,
} from "@buildkit-node/core";
import type {
  StatusResponse,
  VertexLog as WireLog,
  VertexStatus as WireStatus,
  Vertex as WireVertex,
  VertexWarning as WireWarning,
} from "@buildkit-node/proto/control";
import type { Range as WireRange, SourceInfo as WireSourceInfo } from "@buildkit-node/proto/pb";

/** A moment as protobuf carries it. */
interface WireTimestamp {
  readonly seconds: bigint;
  readonly nanos: number;
}

/**
 * One message of the status stream.
 *
 * @param skewMs what to add to the daemon's times to have them in this machine's clock
 */
export function statusUpdateFromProto(response: StatusResponse, skewMs: number): StatusUpdate {
  const time: Clock = (moment) => Number(moment.seconds) * 1000 + moment.nanos / 1e6 + skewMs;
  return {
    vertices: response.vertexes.map((vertex) => vertexFromProto(vertex, time)),
    statuses: response.statuses.map((status) => taskFromProto(status, time)),
    logs: response.logs.map((log) => logFromProto(log, time)),
    warnings: response.warnings.map(warningFromProto),
  };
}

type Clock = (moment: WireTimestamp) => Timestamp;

/** The times that are known; an absent one stays absent. */
function times(
  from: { readonly started?: WireTimestamp | undefined; readonly completed?: WireTimestamp | undefined },
  time: Clock,
): { readonly started?: Timestamp; readonly completed?: Timestamp } {
  return {
    ...(from.started && { started: time(from.started) }),
    ...(from.completed && { completed: time(from.completed) }),
  };
}

function vertexFromProto(vertex: WireVertex, time: Clock): Vertex {
  const { digest, inputs, name, cached, error, progressGroup: group } = vertex;
  return {
    digest,
    inputs,
    name: withoutPasswords(name),
    cached,
    ...times(vertex, time),
    ...(error !== "" && { error: withoutPasswords(error) }),
    ...(group && { progressGroup: { id: group.id, name: group.name, weak: group.weak } }),
  };
}

function taskFromProto(status: WireStatus, time: Clock): VertexStatus {
  return {
    id: withoutPasswords(status.ID),
    vertex: status.vertex,
    name: withoutPasswords(status.name),
    current: Number(status.current),
    total: Number(status.total),
    timestamp: status.timestamp === undefined ? 0 : time(status.timestamp),
    ...times(status, time),
  };
}

function logFromProto(log: WireLog, time: Clock): VertexLog {
  return {
    vertex: log.vertex,
    stream: log.stream === 1n ? "stdout" : "stderr",
    data: logData(log.msg),
    timestamp: log.timestamp === undefined ? 0 : time(log.timestamp),
  };
}

/** Most logs hold no address, and are passed on as they are. */
function logData(bytes: Uint8Array): Uint8Array {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!data.includes("://")) return bytes;
  // Each byte as a character of its own: what is no UTF-8 stays as it is.
  const text = data.toString("latin1");
  const shown = withoutPasswords(text);
  return shown === text ? bytes : Buffer.from(shown, "latin1");
}

function warningFromProto(warning: WireWarning): VertexWarning {
  const text = new TextDecoder();
  return {
    vertex: warning.vertex,
    level: Number(warning.level),
    short: withoutPasswords(text.decode(warning.short)),
    detail: warning.detail.map((line) => withoutPasswords(text.decode(line))),
    ...(warning.url !== "" && { url: warning.url }),
    ...(warning.info && { source: sourceFromProto(warning.info) }),
    ranges: warning.ranges.map(rangeFromProto),
  };
}

function sourceFromProto({ filename, language, data }: WireSourceInfo): SourceInfo {
  return { filename, language, data };
}

function rangeFromProto({ start, end }: WireRange): Range {
  const position = (at: WireRange["start"]) => ({ line: at?.line ?? 0, character: at?.character ?? 0 });
  return { start: position(start), end: position(end) };
}
