import type { MessageInitShape } from "@bufbuild/protobuf";
import { InvalidArgumentError } from "@buildkit-node/core";
import type {
  ReadDirRequestSchema,
  ReadDirResponse,
  ReadFileRequestSchema,
  ReadFileResponse,
  StatFileRequestSchema,
  StatFileResponse,
} from "@buildkit-node/proto/gateway";
import { fileError } from "./file-error.ts";
import { type FileStat, fileStatFromProto, statFromProto } from "./file-stat.ts";

/** One part of a file. */
export interface FileRange {
  /** First byte, from 0. Default: 0. */
  readonly offset?: number;
  /** Bytes to read at most. Default: to the end. */
  readonly length?: number;
}

export interface ReadFileOptions extends FileRange {
  readonly signal?: AbortSignal;
}

export interface ReadDirOptions {
  /** Only names that match, in the syntax of `.dockerignore`. */
  readonly include?: string;
  readonly signal?: AbortSignal;
}

/** A file found on a walk. */
export interface WalkEntry {
  /** Path from the root of the tree, without a leading slash. */
  readonly path: string;
  readonly stat: FileStat;
}

/** The three calls that read files of one tree, and who asks. */
export interface FileCalls {
  readFile(
    request: MessageInitShape<typeof ReadFileRequestSchema>,
    signal?: AbortSignal,
  ): Promise<ReadFileResponse>;
  readDir(
    request: MessageInitShape<typeof ReadDirRequestSchema>,
    signal?: AbortSignal,
  ): Promise<ReadDirResponse>;
  statFile(
    request: MessageInitShape<typeof StatFileRequestSchema>,
    signal?: AbortSignal,
  ): Promise<StatFileResponse>;
}

/** What one read asks for. An answer is one message, and messages end at 16 MiB. */
const chunkBytes = 4 * 1024 * 1024;

/** The bytes of a file, piece by piece; the pieces are as the daemon sends them, 4 MiB at most. */
export async function* streamFile(
  calls: FileCalls,
  path: string,
  options: ReadFileOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const { offset = 0, length = Number.MAX_SAFE_INTEGER } = options;
  checkRange("offset", offset);
  checkRange("length", length);
  const end = Math.min(offset + length, Number.MAX_SAFE_INTEGER);
  for (let at = offset; ; ) {
    // A length of 0 would read nothing, also not whether the file is there.
    const wanted = Math.max(1, Math.min(chunkBytes, end - at));
    const range = { Offset: BigInt(at), Length: BigInt(wanted) };
    const { Data: data } = await calls
      .readFile({ FilePath: path, Range: range }, options.signal)
      .catch((error: unknown) => Promise.reject(fileError(path, error)));
    const piece = data.subarray(0, end - at);
    if (piece.length > 0) yield piece;
    at += data.length;
    if (data.length < wanted || at >= end) return;
  }
}

/** The whole file, or the part that was asked for. */
export async function readFile(
  calls: FileCalls,
  path: string,
  options: ReadFileOptions = {},
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of streamFile(calls, path, options)) pieces.push(piece);
  return pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : new Uint8Array(Buffer.concat(pieces));
}

export async function readDir(
  calls: FileCalls,
  path: string,
  options: ReadDirOptions = {},
): Promise<readonly FileStat[]> {
  const request = { DirPath: path, IncludePattern: options.include ?? "" };
  const { entries } = await calls
    .readDir(request, options.signal)
    .catch((error: unknown) => Promise.reject(fileError(path, error)));
  return entries.map(fileStatFromProto);
}

/** What is known of a file, or of what a link points to. */
export async function statFile(
  calls: FileCalls,
  path: string,
  options: { readonly signal?: AbortSignal } = {},
): Promise<FileStat> {
  const { stat } = await calls
    .statFile({ Path: path }, options.signal)
    .catch((error: unknown) => Promise.reject(fileError(path, error)));
  return statFromProto(path, stat);
}

/** Everything below a directory, each directory before what is in it, names in byte order. Links are not followed. */
export async function* walk(
  calls: FileCalls,
  path: string,
  options: { readonly signal?: AbortSignal } = {},
): AsyncGenerator<WalkEntry, void, undefined> {
  const above = path.replace(/^\/+|\/+$/g, "");
  for (const stat of await readDir(calls, path, options)) {
    const below = above === "" ? stat.name : `${above}/${stat.name}`;
    yield { path: below, stat };
    if (stat.kind === "directory") yield* walk(calls, `/${below}`, options);
  }
}

function checkRange(name: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new InvalidArgumentError(
      name,
      value,
      `${name} must be a whole number of bytes from 0, not ${value}`,
    );
  }
}
