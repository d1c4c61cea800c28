import type { ClientRequest, IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { abortable, errorMessage, onAbort } from "@buildkit-node/core";
import type { Dialer } from "@buildkit-node/transport";
import { EngineError } from "./engine-error.ts";

export interface EngineRequest {
  readonly method: "GET" | "POST";
  /** With its query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One request to an engine's API on a connection of its own; who closes it ends that. */
export interface EngineCall extends Disposable {
  /** Where the body goes; to be ended. */
  readonly body: ClientRequest;
  /** The answer's head, when it is there. */
  readonly response: Promise<IncomingMessage>;
}

/** An answer that is read whole. */
export interface EngineAnswer {
  readonly status: number;
  readonly text: string;
}

/** No answer that is read whole is longer. */
const maxAnswerBytes = 1 << 20;

/** @throws {ConnectError} or the signal's reason */
export async function openCall(
  engine: Dialer,
  { method, path, headers = {} }: EngineRequest,
  signal?: AbortSignal,
): Promise<EngineCall> {
  const { request } = process.getBuiltinModule("node:http");
  const socket = await engine.dial(signal);
  const body = request({
    method,
    path,
    // An engine that closes first may take its last words away with it.
    headers: { host: engine.authority, connection: "keep-alive", ...headers },
    createConnection: () => socket,
  });
  const aborted = onAbort(signal, (reason) => socket.destroy(asError(reason)));
  const response = new Promise<IncomingMessage>((resolve, reject) => {
    body.once("response", resolve);
    body.on("error", (cause) => reject(lost(engine, cause)));
  });
  response.catch(() => {});
  return { body, response, [Symbol.dispose]: () => end(aborted, body, socket) };
}

/**
 * Asks an engine something and reads the answer, whatever its status.
 *
 * @throws {EngineError} when the connection breaks
 */
export async function askEngine(
  engine: Dialer,
  asked: EngineRequest,
  signal?: AbortSignal,
): Promise<EngineAnswer> {
  using call = await openCall(engine, asked, signal);
  call.body.end();
  const response = await abortable(call.response, signal);
  let text = "";
  for await (const piece of response.setEncoding("utf8")) {
    text += piece;
    if (text.length > maxAnswerBytes) break;
  }
  return { status: response.statusCode ?? 0, text };
}

/** The engine's words in an answer that is an error. */
export function messageOf({ text }: EngineAnswer): string {
  try {
    const { message } = JSON.parse(text);
    if (typeof message === "string") return message;
  } catch {
    // Not every server in front of an engine answers in JSON.
  }
  return text.trim();
}

function end(aborted: Disposable, body: ClientRequest, socket: Duplex): void {
  aborted[Symbol.dispose]();
  body.destroy();
  socket.destroy();
}

function lost({ address }: Dialer, cause: unknown): EngineError {
  return new EngineError(address, { text: `the connection broke: ${errorMessage(cause)}` }, { cause });
}

function asError(reason: unknown): Error | undefined {
  return reason instanceof Error ? reason : undefined;
}
