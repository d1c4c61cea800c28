import { createHash } from "node:crypto";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Definition, capabilities as llbCapabilities } from "@buildkit-node/llb";
import { parsePlatform } from "@buildkit-node/oci";
import type {
  InputsResponseSchema,
  PongResponseSchema,
  ReadDirRequest,
  ReadDirResponseSchema,
  ReadFileRequest,
  ReadFileResponseSchema,
  ResolveSourceMetaRequest,
  ResolveSourceMetaResponseSchema,
  SolveRequest,
  SolveResponseSchema,
  StatFileRequest,
  StatFileResponseSchema,
} from "@buildkit-node/proto/gateway";
import { StatusError } from "@buildkit-node/transport";
import type { RecordedFiles, RecordedWorld } from "./recorded-world.ts";

/** The gateway's capabilities of BuildKit 0.32, without those for processes. */
const gatewayCapabilities = (
  "solve.base solve.inlinereturn resolveimage resolveimage.resolvemode readfile return returnmap readdir statfile " +
  "importcaches proto.refarray reference.output frontend.inputs frontend.caps gateway.solve.metadata " +
  "gateway.solve.evaluate gateway.warnings gateway.evaluate reference.attestations source.metaresolver"
).split(" ");

/** What a directory's mode looks like in Go, and a file's. */
const directoryMode = 2 ** 31 + 0o755;
const fileMode = 0o644;

/** Plays the daemon: it knows what the test tells it, and solves nothing. */
export class RecordedDaemon {
  readonly #world: RecordedWorld;
  readonly #inputs: ReadonlyMap<string, Definition>;
  readonly #definitions = new Map<string, Definition>();

  constructor(world: RecordedWorld, inputs: ReadonlyMap<string, Definition>) {
    this.#world = world;
    this.#inputs = inputs;
  }

  /** What an earlier solve gave this id to. */
  definitionOf(id: string): Definition {
    return this.#definitions.get(id) ?? Definition.empty;
  }

  answer(method: string, request: object): object {
    switch (method) {
      case "ping":
        return this.#ping();
      case "solve":
        return this.#solve(request as SolveRequest);
      case "inputs":
        return this.#inputDefinitions();
      case "resolveSourceMeta":
        return this.#resolve(request as ResolveSourceMetaRequest);
      case "readFile":
        return this.#readFile(request as ReadFileRequest);
      case "readDir":
        return this.#readDir(request as ReadDirRequest);
      case "statFile":
        return this.#statFile(request as StatFileRequest);
      case "evaluate":
      case "warn":
      case "return":
        return {};
      default:
        throw failure("Unimplemented", `a recorded gateway cannot answer ${method}`);
    }
  }

  #ping(): MessageInitShape<typeof PongResponseSchema> {
    const { without = [], platform = "linux/amd64" } = this.#world;
    const { os, architecture, variant = "" } = parsePlatform(platform);
    const told = (ids: readonly string[]) =>
      ids.filter((id) => !without.includes(id)).map((ID) => ({ ID, Enabled: true }));
    return {
      FrontendAPICaps: told(gatewayCapabilities),
      LLBCaps: told(llbCapabilities),
      Workers: [{ ID: "recorded", platforms: [{ OS: os, Architecture: architecture, Variant: variant }] }],
    };
  }

  #solve({
    Definition: bytes,
    Frontend: frontend,
  }: SolveRequest): MessageInitShape<typeof SolveResponseSchema> {
    if (frontend !== "")
      throw failure("Unimplemented", `a recorded gateway cannot run the frontend ${frontend}`);
    if (bytes === undefined) return { result: { result: { case: "ref", value: { id: "" } } } };
    const definition = Definition.fromBytes(bytes);
    const id = definition.digest ?? "";
    this.#definitions.set(id, definition);
    return { result: { result: { case: "ref", value: { id, def: bytes } } } };
  }

  #inputDefinitions(): MessageInitShape<typeof InputsResponseSchema> {
    const entries = [...this.#inputs].map(([name, definition]) => [name, definition.toBytes()]);
    return { Definitions: Object.fromEntries(entries) };
  }

  #resolve({
    Source: source,
  }: ResolveSourceMetaRequest): MessageInitShape<typeof ResolveSourceMetaResponseSchema> {
    const identifier = source?.identifier ?? "";
    const name = identifier.replace(/^(docker-image|oci-layout):\/\//, "");
    const image = this.#world.images?.[name];
    if (image === undefined) throw failure("Unknown", `${name}: not found`);
    const digest = image.digest ?? `sha256:${createHash("sha256").update(name).digest("hex")}`;
    const config = image.config ?? { os: "linux", architecture: "amd64", config: {} };
    return {
      Source: { identifier },
      Image: { Digest: digest, Config: new TextEncoder().encode(JSON.stringify(config)) },
    };
  }

  #readFile({ Ref, FilePath, Range }: ReadFileRequest): MessageInitShape<typeof ReadFileResponseSchema> {
    const content = this.#filesOf(Ref)[plain(FilePath)];
    if (content === undefined) throw failure("Unknown", `open ${FilePath}: no such file or directory`);
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    const from = Number(Range?.Offset ?? 0);
    return { Data: bytes.subarray(from, Range === undefined ? undefined : from + Number(Range.Length)) };
  }

  #readDir({ Ref, DirPath }: ReadDirRequest): MessageInitShape<typeof ReadDirResponseSchema> {
    const prefix = plain(DirPath) === "" ? "" : `${plain(DirPath)}/`;
    const below = Object.keys(this.#filesOf(Ref)).filter((path) => path.startsWith(prefix));
    const names = new Set(below.map((path) => path.slice(prefix.length).split("/", 1)[0] ?? ""));
    const entries = [...names].sort().map((name) => this.#stat(Ref, `${prefix}${name}`, name));
    return { entries };
  }

  #statFile({ Ref, Path }: StatFileRequest): MessageInitShape<typeof StatFileResponseSchema> {
    const path = plain(Path);
    return { stat: this.#stat(Ref, path, path.slice(path.lastIndexOf("/") + 1)) };
  }

  #stat(ref: string, path: string, name: string) {
    const files = this.#filesOf(ref);
    const content = files[path];
    const path_ = new TextEncoder().encode(name);
    if (content !== undefined)
      return { path: path_, mode: fileMode, size: BigInt(Buffer.from(content).length) };
    const isDirectory = path === "" || Object.keys(files).some((file) => file.startsWith(`${path}/`));
    if (!isDirectory) throw failure("Unknown", `lstat ${path}: no such file or directory`);
    return { path: path_, mode: directoryMode };
  }

  /** The files of a local source; of anything else nothing is known. */
  #filesOf(ref: string): RecordedFiles {
    const definition = this.definitionOf(ref);
    const source = definition.vertices[0]?.op.source?.identifier ?? "";
    const name = source.replace(/^local:\/\//, "");
    if (definition.ops.length === 2 && name !== source) return this.#world.locals?.[name] ?? {};
    throw failure(
      "Unimplemented",
      "a recorded gateway builds nothing: only files of local sources can be read",
    );
  }
}

function plain(path: string): string {
  return path.replace(/^(\.?\/)+|\/+$|^\.$/g, "");
}

function failure(status: "Unknown" | "Unimplemented", text: string): StatusError {
  return new StatusError({ method: "", status, text, details: [], reset: false });
}
