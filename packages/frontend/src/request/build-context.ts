import type { Gateway } from "@buildkit-node/gateway";
import { FileError } from "@buildkit-node/gateway";
import { copy, http, type LocalOptions, local, marshal, type State, scratch } from "@buildkit-node/llb";
import { gitContext } from "./git-context.ts";
import { parseIgnoreFile } from "./ignore-file.ts";
import type { RequestOptions } from "./request-options.ts";
import { SourceFile } from "./source-file.ts";

/** Where a build's files come from. */
export interface BuildPlace {
  readonly gateway: Gateway;
  readonly request: RequestOptions;
  /** The files when they do not come from the caller's machine. */
  readonly remote: State | undefined;
  /** The source that holds the frontend's input file, when it is not among the files. */
  readonly sourceLocal: string;
  /** The input file's own source, given as LLB. */
  readonly sourceInput: State | undefined;
  /** The name of the input file, when the remote files are that one file. */
  readonly remoteFile: string | undefined;
}

/** The caller's names of the two local sources, unless it gives others. */
const contextLocal = "context";
const sourceLocal = "dockerfile";

/** The name of a downloaded file. */
const downloaded = "context";

/** Finds out where files come from: the caller's machine, a repository, a download, or LLB that the caller gives. */
export async function findPlace(gateway: Gateway, request: RequestOptions): Promise<BuildPlace> {
  const { options } = request;
  const forced = options["dockerfilekey"];
  const inputs = await gateway.inputs();
  const remote = await remoteContext(gateway, request);
  const files = remote?.state ?? inputs.get(contextLocal);
  const subdir = options["contextsubdir"];
  return {
    gateway,
    request,
    remote: files === undefined || !subdir ? files : below(files, subdir),
    sourceLocal: forced ?? sourceLocal,
    sourceInput: forced !== undefined ? undefined : (remote?.state ?? inputs.get(sourceLocal)),
    remoteFile: remote?.file,
  };
}

/**
 * The files to build from. Those of the caller's machine without what its `.dockerignore` leaves out.
 *
 * @param ignoreFile the input file's own `.dockerignore`, which goes before that of the files
 */
export async function contextState(
  place: BuildPlace,
  ignoreFile: Uint8Array | undefined,
  options: LocalOptions,
): Promise<State> {
  if (place.remote !== undefined) return place.remote;
  const exclude = await ignorePatterns(place, contextLocal, contextLocal, ignoreFile);
  return local(contextLocal, {
    sessionId: sessionOf(place, contextLocal),
    sharedKeyHint: contextLocal,
    name: "[internal] load build context",
    ...options,
    ...((exclude.length > 0 || options.exclude) && { exclude: [...exclude, ...(options.exclude ?? [])] }),
  });
}

/** What a local source leaves out. */
export async function ignorePatterns(
  place: BuildPlace,
  name: string,
  hint: string,
  own: Uint8Array | undefined,
  shown = "[internal] load .dockerignore",
): Promise<readonly string[]> {
  if (own !== undefined) return parseIgnoreFile(own);
  const state = local(name, {
    sessionId: sessionOf(place, name),
    followPaths: [".dockerignore"],
    sharedKeyHint: `${hint}-.dockerignore`,
    name: shown,
    differ: { type: "none" },
  });
  const ref = await place.gateway.solve(state, { evaluate: true });
  const data = await optional(ref.readFile(".dockerignore"));
  return data === undefined ? [] : parseIgnoreFile(data);
}

/** The frontend's input file, and the `.dockerignore` that lies beside it and is meant for it alone. */
export async function readSource(
  place: BuildPlace,
  wanted: { readonly filename: string; readonly language: string },
): Promise<{ readonly file: SourceFile; readonly ignoreFile: Uint8Array | undefined }> {
  const filename = place.request.filename ?? place.remoteFile ?? wanted.filename;
  const lower = filename.replace(/[^/]*$/, (base) => base.toLowerCase());
  const beside = `${filename}.dockerignore`;
  const state =
    place.sourceInput ??
    local(place.sourceLocal, {
      sessionId: sessionOf(place, place.sourceLocal),
      followPaths: [...new Set([filename, beside, ...(filename === "Dockerfile" ? [lower] : [])])],
      sharedKeyHint: place.sourceLocal,
      name: `[internal] load build definition from ${filename}`,
      differ: { type: "none" },
    });
  const definition = marshal(state, { platform: place.gateway.platform });
  const ref = await place.gateway.solve(definition);
  const data =
    (filename === "Dockerfile" ? await optional(ref.readFile(filename)) : undefined) ??
    (await ref.readFile(filename === "Dockerfile" ? lower : filename));
  const { language } = wanted;
  const file = new SourceFile({ filename, language, data, vertex: definition.head ?? "", state });
  return { file, ignoreFile: await optional(ref.readFile(beside)) };
}

/** The session that serves a local source. */
export function sessionOf({ gateway, request }: BuildPlace, name: string): string {
  return request.localSessions[name] ?? gateway.sessionId;
}

async function remoteContext(
  gateway: Gateway,
  { options }: RequestOptions,
): Promise<{ readonly state: State; readonly file?: string } | undefined> {
  const address = options[options["contextkey"] ?? "context"];
  if (address === undefined) return undefined;
  const keepGitDir = ["1", "true"].includes(options["build-arg:BUILDKIT_CONTEXT_KEEP_GIT_DIR"] ?? "");
  const repository = gitContext(address, { ...(keepGitDir && { keepGitDir }) });
  if (repository !== undefined) return { state: repository };
  if (!/^https?:\/\//.test(address)) return undefined;
  const file = http(address, { filename: downloaded, name: "[internal] load remote build context" });
  const ref = await gateway.solve(file);
  if (!isArchive(await ref.readFile(downloaded, { length: 512 }))) return { state: file, file: downloaded };
  return { state: scratch().file(copy(file, `/${downloaded}`, "/", { attemptUnpack: true })) };
}

/** The beginnings of what the daemon unpacks: bzip2, gzip, xz, and the mark of tar. */
function isArchive(head: Uint8Array): boolean {
  const text = Buffer.from(head).toString("latin1");
  return /^(BZh|\x1f\x8b\x08|\xfd7zXZ\0)/.test(text) || text.slice(257, 262) === "ustar";
}

function below(files: State, directory: string): State {
  return scratch().file(copy(files, directory, "/", { contentsOnly: true }));
}

/** The bytes of a file that may be missing. */
async function optional(reading: Promise<Uint8Array>): Promise<Uint8Array | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof FileError && error.problem === "missing") return undefined;
    throw error;
  }
}
