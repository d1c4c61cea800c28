import type { ClientHttp2Stream, IncomingHttpHeaders, IncomingHttpStatusHeader } from "node:http2";
import { errorMessage } from "@buildkit-node/core";
import { Http2Code } from "../http2-server/frame.ts";
import { MessageDecoder } from "./message-decoder.ts";
import { decodeStatus, type GrpcStatus, StatusCode } from "./status.ts";

/** The answer to a call that was made on a raw HTTP/2 stream. */
export interface CallResponse {
  /** Resolves when the answer begins; rejects with what `status` says when it never does. */
  readonly started: Promise<IncomingHttpHeaders>;
  /** How the call ended, after the last message. Never rejects: a stream that breaks is a status as well. */
  readonly status: Promise<GrpcStatus>;
}

/** Reads a call's messages and its status. `onMessage` must not throw. */
export function readResponse(stream: ClientHttp2Stream, onMessage: (message: Buffer) => void): CallResponse {
  const decoder = new MessageDecoder();
  let status: GrpcStatus | undefined;
  const started = new Promise<IncomingHttpHeaders>((resolve, reject) => {
    stream.once("response", (headers: IncomingHttpHeaders & IncomingHttpStatusHeader) => {
      status = decodeStatus(headerOf(headers)) ?? httpFailure(headers);
      resolve(headers);
    });
    stream.once("close", () => reject(new Error("the call ended before it was answered")));
  });
  started.catch(() => {});
  stream.on("trailers", (headers: IncomingHttpHeaders) => {
    status = decodeStatus(headerOf(headers)) ?? status;
  });
  stream.on("data", (chunk: Buffer) => {
    try {
      decoder.push(chunk);
      for (let message = decoder.next(); message !== undefined; message = decoder.next()) onMessage(message);
    } catch (error) {
      status = { code: StatusCode.internal, message: errorMessage(error) };
      stream.close(Http2Code.cancel);
    }
  });
  return { started, status: ended(stream).then((failure) => status ?? resetStatus(stream, failure)) };
}

/** Resolves when there is no more to come on a stream, with the error if there was one. */
function ended(stream: ClientHttp2Stream): Promise<Error | undefined> {
  return new Promise((resolve) => {
    let failure: Error | undefined;
    stream.on("error", (error: Error) => {
      failure = error;
    });
    stream.once("close", () => resolve(failure));
    // A peer may end a call while our side of it is open; the trailers are told about in the same turn.
    stream.once("end", () => setImmediate(() => resolve(failure)));
    if (stream.destroyed) resolve(undefined);
  });
}

function headerOf(headers: IncomingHttpHeaders): (name: string) => string | undefined {
  return (name) => {
    const value = headers[name];
    return Array.isArray(value) ? value[0] : value;
  };
}

function httpFailure(headers: IncomingHttpStatusHeader): GrpcStatus | undefined {
  const status = headers[":status"];
  if (status === undefined || status === 200) return undefined;
  return { code: StatusCode.unavailable, message: `the peer answered with HTTP status ${status}` };
}

/** What gRPC says of a stream that ended without a status. */
export function resetStatus(stream: ClientHttp2Stream, failure: Error | undefined): GrpcStatus {
  const because = failure === undefined ? "" : `: ${failure.message}`;
  const message = `the stream ended without a status (code ${stream.rstCode})${because}`;
  switch (stream.rstCode) {
    case Http2Code.cancel:
      return { code: StatusCode.canceled, message };
    case Http2Code.noError:
    case Http2Code.refusedStream:
      return { code: StatusCode.unavailable, message };
    case Http2Code.enhanceYourCalm:
      return { code: StatusCode.resourceExhausted, message };
    default:
      return { code: StatusCode.internal, message };
  }
}
