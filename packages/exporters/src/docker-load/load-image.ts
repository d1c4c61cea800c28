import { once } from "node:events";
import type { ClientRequest, IncomingMessage } from "node:http";
import type { Dialer } from "@buildkit-node/transport";
import { type EngineAnswer, messageOf, openCall } from "./engine-call.ts";
import { EngineError } from "./engine-error.ts";

/** What an engine tells while it loads an image. Engines that keep images as containerd does tell little. */
export interface LoadProgress {
  /** Such as `Loading layer`, or `Loaded image: app:dev`. */
  readonly text: string;
  /** The layer. */
  readonly id?: string;
  readonly currentBytes?: number;
  readonly totalBytes?: number;
}

/**
 * Gives an engine an image's archive as it comes: no more of it is held than waits to be sent.
 *
 * @throws {EngineError} when the engine refuses it, in its words
 */
export async function loadImage(
  engine: Dialer,
  bytes: AsyncIterable<Uint8Array>,
  options: { readonly onProgress?: (progress: LoadProgress) => void; readonly signal?: AbortSignal },
): Promise<void> {
  const headers = { "content-type": "application/x-tar" };
  const asked = { method: "POST", path: "/images/load?quiet=0", headers } as const;
  using call = await openCall(engine, asked, options.signal);
  // The engine may have all that it needs, or enough of it, before the archive's end.
  const over = new AbortController();
  const loaded = call.response
    .then((response) => readAnswer(engine.address, response, options.onProgress))
    .finally(() => over.abort());
  loaded.catch(() => {});
  const sent = send(call.body, bytes, over.signal);
  sent.catch(() => {});
  await Promise.race([loaded, sent]);
  await loaded;
  await sent;
}

/** What may wait to be sent: a few pieces, so that they leave together. */
const maxWaitingBytes = 256 << 10;

/** Writes the body; what comes after the engine's last word is passed over. */
async function send(body: ClientRequest, bytes: AsyncIterable<Uint8Array>, over: AbortSignal): Promise<void> {
  for await (const piece of bytes) {
    if (over.aborted || body.write(piece) || body.writableLength < maxWaitingBytes) continue;
    await once(body, "drain", { signal: over }).catch((error: unknown) => {
      if (!over.aborted) throw error;
    });
  }
  if (!over.aborted) body.end();
}

/** The answer is a JSON document a line; the last may say that it failed after all. */
async function readAnswer(
  engine: string,
  response: IncomingMessage,
  onProgress: ((progress: LoadProgress) => void) | undefined,
): Promise<void> {
  const status = response.statusCode ?? 0;
  if (status !== 200) {
    const answer: EngineAnswer = { status, text: await textOf(response) };
    throw new EngineError(engine, { status, text: messageOf(answer) });
  }
  const { createInterface } = await import("node:readline");
  for await (const line of createInterface({ input: response })) {
    const said = parseLine(line);
    if (said?.error !== undefined) throw new EngineError(engine, { text: said.error });
    if (said?.progress !== undefined) onProgress?.(said.progress);
  }
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = "";
  for await (const piece of response.setEncoding("utf8")) text = `${text}${piece}`.slice(0, 65_536);
  return text;
}

function parseLine(line: string): { readonly error?: string; readonly progress?: LoadProgress } | undefined {
  if (line.trim() === "") return undefined;
  let said: unknown;
  try {
    said = JSON.parse(line);
  } catch {
    return { progress: { text: line } };
  }
  if (typeof said !== "object" || said === null) return undefined;
  const { error, stream, status, id, progressDetail } = said as Readonly<Record<string, unknown>>;
  if (typeof error === "string") return { error };
  const text = typeof stream === "string" ? stream.trimEnd() : status;
  if (typeof text !== "string") return undefined;
  const { current, total } = (progressDetail ?? {}) as Readonly<Record<string, unknown>>;
  return {
    progress: {
      text,
      ...(typeof id === "string" && { id }),
      ...(typeof current === "number" && { currentBytes: current }),
      ...(typeof total === "number" && { totalBytes: total }),
    },
  };
}
