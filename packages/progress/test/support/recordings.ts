import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { PassThrough, type Readable } from "node:stream";
import type { StatusUpdate } from "@buildkit-node/core";
import { type OutputStream, parseStatusLine } from "@buildkit-node/progress";

/** Status streams of real builds, made with `buildctl build --progress=rawjson` of BuildKit 0.32.2. */
export const RECORDINGS = [
  "cached",
  "canceled",
  "changed",
  "failing",
  "groups",
  "heavy",
  "multi-platform",
  "parallel",
  "pull",
  "uncached",
  "warnings",
] as const;

const FOLDER = new URL("../recordings/", import.meta.url);

export async function recorded(name: string): Promise<StatusUpdate[]> {
  const text = await readFile(new URL(`${name}.rawjson`, FOLDER), "utf8");
  return text.trimEnd().split("\n").map(parseStatusLine);
}

export function recordingStream(name: string): Readable {
  return createReadStream(new URL(`${name}.rawjson`, FOLDER));
}

/** A stream that keeps what was written to it. */
export function capture(size?: {
  columns: number;
  rows: number;
}): OutputStream & PassThrough & { text(): string } {
  const chunks: Buffer[] = [];
  const stream = new PassThrough();
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  return Object.assign(stream, {
    text: () => Buffer.concat(chunks).toString(),
    isTTY: size !== undefined,
    ...size,
  });
}
