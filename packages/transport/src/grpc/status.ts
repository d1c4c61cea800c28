import { BuildkitError, errorMessage } from "@buildkit-node/core";
import type { StreamLostError } from "../http2/http2-stream.ts";

/** gRPC's status codes. */
export const StatusCode = {
  ok: 0,
  canceled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
  unauthenticated: 16,
} as const;

/** The names of gRPC's status codes, each at its code. */
const statusNames = [
  "OK",
  "Canceled",
  "Unknown",
  "InvalidArgument",
  "DeadlineExceeded",
  "NotFound",
  "AlreadyExists",
  "PermissionDenied",
  "ResourceExhausted",
  "FailedPrecondition",
  "Aborted",
  "OutOfRange",
  "Unimplemented",
  "Internal",
  "Unavailable",
  "DataLoss",
  "Unauthenticated",
] as const;

export type StatusName = (typeof statusNames)[number];

/** The name of a code; `Unknown` for one that gRPC does not know. */
export function statusName(code: number): StatusName {
  return statusNames[code] ?? "Unknown";
}

/** The code of a name; that of `Unknown` for what is none. */
export function statusCode(name: string): number {
  const code = (statusNames as readonly string[]).indexOf(name);
  return code < 0 ? StatusCode.unknown : code;
}

/** How a call ended. */
export interface GrpcStatus {
  /** 0 is success. */
  readonly code: number;
  readonly message: string;
  /** The serialised `google.rpc.Status` that came along, as it was sent. */
  readonly details?: Buffer;
  /** How the stream was lost in place of a status, which then stands for that. */
  readonly lost?: StreamLostError;
}

/** Ends a call with a status of the thrower's choice. A handler's is an answer, not a failure of ours. */
export class CallError extends BuildkitError {
  override readonly name: string = "CallError";
  /** One of `StatusCode`. */
  readonly status: number;

  constructor(status: number, message: string, options?: { readonly cause?: unknown }) {
    super("ERR_BUILDKIT_STATUS", message, options);
    this.status = status;
  }
}

/** The status that a failure ends a call with, `otherwise` being the code of what is no `CallError`. */
export function statusOf(thrown: unknown, otherwise: number = StatusCode.unknown): GrpcStatus {
  const code = thrown instanceof CallError ? thrown.status : otherwise;
  return { code, message: errorMessage(thrown) };
}

/** A status as trailers. */
export function encodeStatus(status: GrpcStatus): (readonly [name: string, value: string])[] {
  const lines: (readonly [string, string])[] = [["grpc-status", String(status.code)]];
  if (status.message !== "") lines.push(["grpc-message", encodeMessage(status.message)]);
  if (status.details !== undefined) {
    lines.push(["grpc-status-details-bin", status.details.toString("base64").replace(/=+$/, "")]);
  }
  return lines;
}

/** The status in trailers (or in the headers of an answer that has nothing else); `undefined` where there is none. */
export function decodeStatus(header: (name: string) => string | undefined): GrpcStatus | undefined {
  const code = header("grpc-status");
  if (code === undefined) return undefined;
  const details = header("grpc-status-details-bin");
  return {
    code: /^\d+$/.test(code) ? Number(code) : StatusCode.unknown,
    message: decodeMessage(header("grpc-message") ?? ""),
    ...(details === undefined ? {} : { details: Buffer.from(details, "base64") }),
  };
}

/** Longer texts do not fit into every peer's headers. */
const maxMessageBytes = 8192;

function encodeMessage(message: string): string {
  let encoded = "";
  for (const byte of Buffer.from(message).subarray(0, maxMessageBytes)) {
    const plain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    encoded += plain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded;
}

function decodeMessage(encoded: string): string {
  const bytes = encoded.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(bytes, "latin1").toString();
}
