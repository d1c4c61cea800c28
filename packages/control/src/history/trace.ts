import { BuildkitError, type Timestamp } from "@buildkit-node/core";

/** A piece of the daemon's work, as OpenTelemetry has it. */
export interface Span {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  /** The span that it is part of; of a build's first one, that of the client which asked for the build. */
  readonly parentSpanId?: string;
  readonly kind: "internal" | "server" | "client" | "producer" | "consumer";
  readonly start: Timestamp;
  readonly end: Timestamp;
  /** Such as `vertex`, the digest of the step. */
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly events: readonly SpanEvent[];
  readonly links: readonly SpanLink[];
  /** Why the work failed. */
  readonly error?: string;
  /** Of the process that recorded it, such as `service.name`. */
  readonly resource: Readonly<Record<string, unknown>>;
}

export interface SpanEvent {
  readonly name: string;
  readonly time: Timestamp;
  readonly attributes: Readonly<Record<string, unknown>>;
}

export interface SpanLink {
  readonly traceId: string;
  readonly spanId: string;
  readonly attributes: Readonly<Record<string, unknown>>;
}

/**
 * Reads a trace as a daemon records it: the JSON of each span, one after the other, in the words of OpenTelemetry's
 * library for Go.
 */
export function parseSpans(bytes: Uint8Array): readonly Span[] {
  return values(new TextDecoder().decode(bytes)).map(spanFromJson);
}

type Json = Readonly<Record<string, unknown>>;

/** The daemon sets each value off over several lines: only a value's own brackets begin a line. */
function values(text: string): Json[] {
  const pieces = text.split(/(?<=^\})\n/m).filter((piece) => piece.trim() !== "");
  try {
    return pieces.map((piece) => record(JSON.parse(piece)));
  } catch (cause) {
    throw new BuildkitError("ERR_BUILDKIT_CONTENT", "the daemon's trace is not what a trace looks like", {
      cause,
    });
  }
}

const kinds = ["internal", "internal", "server", "client", "producer", "consumer"] as const;
/** Go's library numbers its statuses: unset, error, ok. */
const failed = 1;

function spanFromJson(json: Json): Span {
  const context = record(json["SpanContext"]);
  const parentSpanId = text(record(json["Parent"])["SpanID"]);
  const status = record(json["Status"]);
  const isError = status["Code"] === failed || status["Code"] === "Error";
  return {
    name: text(json["Name"]),
    traceId: text(context["TraceID"]),
    spanId: text(context["SpanID"]),
    ...(/[1-9a-f]/.test(parentSpanId) && { parentSpanId }),
    kind: kinds[Number(json["SpanKind"])] ?? "internal",
    start: moment(json["StartTime"]),
    end: moment(json["EndTime"]),
    attributes: attributes(json["Attributes"]),
    events: list(json["Events"]).map((event) => ({
      name: text(event["Name"]),
      time: moment(event["Time"]),
      attributes: attributes(event["Attributes"]),
    })),
    links: list(json["Links"]).map((link) => {
      const { TraceID, SpanID } = record(link["SpanContext"]);
      return { traceId: text(TraceID), spanId: text(SpanID), attributes: attributes(link["Attributes"]) };
    }),
    ...(isError && { error: text(status["Description"]) }),
    resource: attributes(json["Resource"]),
  };
}

function attributes(value: unknown): Readonly<Record<string, unknown>> {
  return Object.fromEntries(list(value).map((one) => [text(one["Key"]), record(one["Value"])["Value"]]));
}

/** Milliseconds with a fraction: a date has three of the nine digits of its second. */
function moment(value: unknown): Timestamp {
  const written = text(value);
  const below = /\.\d{3}(\d{1,6})/.exec(written)?.[1] ?? "";
  return Date.parse(written.replace(/(\.\d{3})\d*/, "$1")) + Number(`0.${below || 0}`);
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function record(value: unknown): Json {
  return typeof value === "object" && value !== null ? (value as Json) : {};
}

function list(value: unknown): Json[] {
  return Array.isArray(value) ? value.map(record) : [];
}
