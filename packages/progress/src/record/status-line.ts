import {
  InvalidArgumentError,
  type Position,
  type ProgressGroup,
  type Range,
  type SourceInfo,
  type StatusUpdate,
  type Timestamp,
  type Vertex,
  type VertexLog,
  type VertexStatus,
  type VertexWarning,
} from "@buildkit-node/core";
import { formatTime, parseTime } from "./format-time.ts";

/**
 * One update as a line of JSON without a line feed, the shape that `buildctl --progress=rawjson` writes: bytes in base64,
 * moments in RFC 3339, empty fields left out, `<`, `>` and `&` escaped. Moments are given to 100 ns; the
 * definition that a warning's source was read from is left out.
 */
export function formatStatusLine(update: StatusUpdate): string {
  const line = JSON.stringify({
    vertexes: orAbsent(update.vertices.map(vertexToJson)),
    statuses: orAbsent(update.statuses.map(statusToJson)),
    logs: orAbsent(update.logs.map(logToJson)),
    warnings: orAbsent(update.warnings.map(warningToJson)),
  });
  return line.replace(/[<>&\u2028\u2029]/g, escapeUnit);
}

/**
 * The update that a line of rawjson stands for. Fields that are absent or of another type count as empty.
 *
 * @throws InvalidArgumentError if the line is not a JSON object.
 */
export function parseStatusLine(line: string): StatusUpdate {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw notAStatus(line, cause);
  }
  if (!isObject(value)) throw notAStatus(line);
  return {
    vertices: objects(value["vertexes"]).map(vertexFromJson),
    statuses: objects(value["statuses"]).map(statusFromJson),
    logs: objects(value["logs"]).map(logFromJson),
    warnings: objects(value["warnings"]).map(warningFromJson),
  };
}

function notAStatus(line: string, cause?: unknown): InvalidArgumentError {
  const shown = line.length > 80 ? `${line.slice(0, 80)}...` : line;
  return new InvalidArgumentError("line", line, `not a line of rawjson progress: ${shown}`, { cause });
}

type Json = Record<string, unknown>;

function vertexToJson(vertex: Vertex): Json {
  return {
    digest: vertex.digest || undefined,
    inputs: orAbsent(vertex.inputs),
    name: vertex.name || undefined,
    started: timeToJson(vertex.started),
    completed: timeToJson(vertex.completed),
    cached: vertex.cached || undefined,
    error: vertex.error || undefined,
    progressGroup: vertex.progressGroup && {
      id: vertex.progressGroup.id || undefined,
      name: vertex.progressGroup.name || undefined,
      weak: vertex.progressGroup.weak || undefined,
    },
  };
}

function vertexFromJson(json: Json): Vertex {
  const { progressGroup } = json;
  return {
    digest: text(json["digest"]),
    inputs: strings(json["inputs"]),
    name: text(json["name"]),
    cached: json["cached"] === true,
    ...timeField("started", json),
    ...timeField("completed", json),
    ...(json["error"] ? { error: text(json["error"]) } : {}),
    ...(isObject(progressGroup) ? { progressGroup: groupFromJson(progressGroup) } : {}),
  };
}

function groupFromJson(json: Json): ProgressGroup {
  return { id: text(json["id"]), name: text(json["name"]), weak: json["weak"] === true };
}

function statusToJson(status: VertexStatus): Json {
  return {
    id: status.id,
    vertex: status.vertex || undefined,
    name: status.name || undefined,
    total: status.total || undefined,
    current: status.current,
    timestamp: formatTime(status.timestamp),
    started: timeToJson(status.started),
    completed: timeToJson(status.completed),
  };
}

function statusFromJson(json: Json): VertexStatus {
  return {
    id: text(json["id"]),
    vertex: text(json["vertex"]),
    name: text(json["name"]),
    current: count(json["current"]),
    total: count(json["total"]),
    timestamp: time(json["timestamp"]) ?? 0,
    ...timeField("started", json),
    ...timeField("completed", json),
  };
}

function logToJson(log: VertexLog): Json {
  return {
    vertex: log.vertex || undefined,
    stream: log.stream === "stderr" ? 2 : 1,
    data: base64(log.data),
    timestamp: formatTime(log.timestamp),
  };
}

function logFromJson(json: Json): VertexLog {
  return {
    vertex: text(json["vertex"]),
    stream: json["stream"] === 2 ? "stderr" : "stdout",
    data: bytes(json["data"]),
    timestamp: time(json["timestamp"]) ?? 0,
  };
}

function warningToJson(warning: VertexWarning): Json {
  return {
    vertex: warning.vertex || undefined,
    level: warning.level || undefined,
    short: warning.short === "" ? undefined : base64(Buffer.from(warning.short)),
    detail: orAbsent(warning.detail.map((line) => base64(Buffer.from(line)))),
    url: warning.url || undefined,
    sourceInfo: warning.source && {
      filename: warning.source.filename || undefined,
      data: warning.source.data.length === 0 ? undefined : base64(warning.source.data),
      language: warning.source.language || undefined,
    },
    range: orAbsent(
      warning.ranges.map(({ start, end }) => ({ start: positionToJson(start), end: positionToJson(end) })),
    ),
  };
}

function warningFromJson(json: Json): VertexWarning {
  const { sourceInfo } = json;
  return {
    vertex: text(json["vertex"]),
    level: count(json["level"]),
    short: Buffer.from(bytes(json["short"])).toString(),
    detail: strings(json["detail"]).map((line) => Buffer.from(line, "base64").toString()),
    ...(json["url"] ? { url: text(json["url"]) } : {}),
    ...(isObject(sourceInfo) ? { source: sourceFromJson(sourceInfo) } : {}),
    ranges: objects(json["range"]).map(rangeFromJson),
  };
}

function sourceFromJson(json: Json): SourceInfo {
  return { filename: text(json["filename"]), language: text(json["language"]), data: bytes(json["data"]) };
}

function rangeFromJson(json: Json): Range {
  return { start: positionFromJson(json["start"]), end: positionFromJson(json["end"]) };
}

function positionToJson({ line, character }: Position): Json {
  return { line: line || undefined, character: character || undefined };
}

function positionFromJson(value: unknown): Position {
  const json = isObject(value) ? value : {};
  return { line: count(json["line"]), character: count(json["character"]) };
}

function timeToJson(timestamp: Timestamp | undefined): string | undefined {
  return timestamp === undefined ? undefined : formatTime(timestamp);
}

function timeField<Name extends string>(name: Name, json: Json): { [N in Name]?: Timestamp } {
  const moment = time(json[name]);
  return moment === undefined ? {} : ({ [name]: moment } as { [N in Name]: Timestamp });
}

function time(value: unknown): Timestamp | undefined {
  return typeof value === "string" ? parseTime(value) : undefined;
}

function base64(data: Uint8Array): string {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("base64");
}

function bytes(value: unknown): Uint8Array {
  return typeof value === "string" ? Buffer.from(value, "base64") : new Uint8Array();
}

function orAbsent<T>(items: readonly T[]): readonly T[] | undefined {
  return items.length === 0 ? undefined : items;
}

function objects(value: unknown): Json[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function count(value: unknown): number {
  return typeof value === "number" ? value : 0;
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
