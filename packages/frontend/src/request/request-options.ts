import { InvalidArgumentError } from "@buildkit-node/core";
import type { CacheImport } from "@buildkit-node/gateway";
import type { ExtraHost, NetworkMode, ResolveMode, Ulimit, UlimitName } from "@buildkit-node/llb";
import { normalizePlatform, type Platform, parsePlatform } from "@buildkit-node/oci";

/** What `docker build` and its like ask of a frontend, read from the frontend's options. */
export interface RequestOptions {
  /** All options as they came. */
  readonly options: Readonly<Record<string, string>>;
  /** The stage or step to build; empty for the frontend's default. */
  readonly target: string;
  /** `--build-arg`, without BuildKit's own: see `builtinArgs`. */
  readonly args: Readonly<Record<string, string>>;
  /** `--build-arg` whose names begin with `BUILDKIT_`. */
  readonly builtinArgs: Readonly<Record<string, string>>;
  /** `--label`. */
  readonly labels: Readonly<Record<string, string>>;
  /** `--platform`; empty for the daemon's own. */
  readonly platforms: readonly Platform[];
  /** Whether the result is to be an index, also for one platform. */
  readonly multiPlatform: boolean;
  /** `--no-cache`: true for everything, else the names of the stages. */
  readonly noCache: true | readonly string[];
  readonly cacheImports: readonly CacheImport[];
  readonly resolveMode: ResolveMode;
  /** The name of the frontend's input file; absent when the caller names none. */
  readonly filename: string | undefined;
  /** The network of all commands; absent for what the frontend chooses. */
  readonly network: NetworkMode | undefined;
  readonly extraHosts: readonly ExtraHost[];
  readonly hostname: string;
  readonly cgroupParent: string;
  /** Bytes of `/dev/shm`; 0 for the default. */
  readonly shmBytes: number;
  readonly ulimits: readonly Ulimit[];
  /** Which of the frontend's other services is wanted; empty for a build. */
  readonly requestId: string;
  /** What the frontend must be able to do. */
  readonly requiredCaps: readonly string[];
  /** What follows `# syntax=` in the file, when a Dockerfile frontend has passed the build on. */
  readonly commandLine: string;
  /** The sessions that serve local sources other than the build's own does, by source. */
  readonly localSessions: Readonly<Record<string, string>>;
}

const builtinPrefix = "BUILDKIT_";

/** @throws {InvalidArgumentError} for an option that cannot be understood; it names the option */
export function readRequestOptions(options: Readonly<Record<string, string>>): RequestOptions {
  const args = Object.entries(withPrefix(options, "build-arg:"));
  const platforms = list(options["platform"]).map((text) => normalizePlatform(parsePlatform(text)));
  return {
    options,
    target: options["target"] ?? "",
    args: Object.fromEntries(args.filter(([name]) => !name.startsWith(builtinPrefix))),
    builtinArgs: Object.fromEntries(args.filter(([name]) => name.startsWith(builtinPrefix))),
    labels: withPrefix(options, "label:"),
    platforms,
    multiPlatform: readMultiPlatform(options, platforms),
    noCache: options["no-cache"] === "" ? true : list(options["no-cache"]),
    cacheImports: readCacheImports(options),
    resolveMode: oneOf(options, "image-resolve-mode", ["default", "pull", "local"]) ?? "default",
    filename: options["filename"],
    network: readNetwork(options),
    extraHosts: list(options["add-hosts"]).map(readHost),
    hostname: options["build-arg:BUILDKIT_SANDBOX_HOSTNAME"] || options["hostname"] || "",
    cgroupParent: options["cgroup-parent"] ?? "",
    shmBytes: readBytes(options, "shm-size"),
    ulimits: list(options["ulimit"]).map(readUlimit),
    requestId: options["requestid"] ?? "",
    requiredCaps: list(options["frontend.caps"]),
    commandLine: options["cmdline"] ?? "",
    localSessions: withPrefix(options, "local-sessionid:"),
  };
}

function withPrefix(options: Readonly<Record<string, string>>, prefix: string): Record<string, string> {
  const entries = Object.entries(options).filter(([key]) => key.startsWith(prefix));
  return Object.fromEntries(entries.map(([key, value]) => [key.slice(prefix.length), value]));
}

function list(value: string | undefined): readonly string[] {
  return (value ?? "")
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

function readMultiPlatform(
  options: Readonly<Record<string, string>>,
  platforms: readonly Platform[],
): boolean {
  const key = options["build-arg:BUILDKIT_MULTI_PLATFORM"]
    ? "build-arg:BUILDKIT_MULTI_PLATFORM"
    : "multi-platform";
  const wanted = options[key] || undefined;
  if (wanted === undefined) return platforms.length > 1;
  const isWanted = truth.get(wanted.toLowerCase());
  if (isWanted === undefined) throw invalid(key, wanted, "expected true or false");
  if (!isWanted && platforms.length > 1) throw invalid(key, wanted, "several platforms are asked for");
  return isWanted;
}

const truth: ReadonlyMap<string, boolean> = new Map([
  ...["1", "t", "true"].map((word) => [word, true] as const),
  ...["0", "f", "false"].map((word) => [word, false] as const),
]);

function readCacheImports(options: Readonly<Record<string, string>>): readonly CacheImport[] {
  const registry = list(options["cache-from"]).map((ref) => ({ type: "registry", attrs: { ref } }));
  const text = options["cache-imports"] || "[]";
  let entries: unknown;
  try {
    entries = JSON.parse(text);
  } catch (cause) {
    throw invalid("cache-imports", text, "expected JSON", cause);
  }
  if (!Array.isArray(entries)) throw invalid("cache-imports", text, "expected a list");
  return [...entries.map((entry) => readCacheEntry(entry, text)), ...registry];
}

function readCacheEntry(entry: unknown, text: string): CacheImport {
  if (typeof entry === "object" && entry !== null && "Type" in entry && typeof entry.Type === "string") {
    const attrs =
      "Attrs" in entry && typeof entry.Attrs === "object" ? Object.entries(entry.Attrs ?? {}) : [];
    return { type: entry.Type, attrs: Object.fromEntries(attrs.map(([key, value]) => [key, String(value)])) };
  }
  throw invalid("cache-imports", text, "expected entries with Type and Attrs");
}

function readNetwork(options: Readonly<Record<string, string>>): NetworkMode | undefined {
  return oneOf(options, "force-network-mode", ["sandbox", "host", "none"]);
}

function readHost(text: string): ExtraHost {
  const at = text.indexOf("=");
  if (at <= 0) throw invalid("add-hosts", text, "expected host=address");
  return { host: text.slice(0, at).toLowerCase(), ip: text.slice(at + 1) };
}

function readUlimit(text: string): Ulimit {
  const match = /^([a-z]+)=(-?\d+)(?::(-?\d+))?$/.exec(text);
  const [, name, soft, hard = soft] = match ?? [];
  if (name === undefined) throw invalid("ulimit", text, "expected name=soft[:hard]");
  return { name: name as UlimitName, soft: Number(soft), hard: Number(hard) };
}

function readBytes(options: Readonly<Record<string, string>>, key: string): number {
  const text = options[key] || "0";
  if (!/^\d+$/.test(text)) throw invalid(key, text, "expected a number of bytes");
  return Number(text);
}

function oneOf<const T extends string>(
  options: Readonly<Record<string, string>>,
  key: string,
  values: readonly T[],
): T | undefined {
  const text = options[key] || undefined;
  const value = values.find((one) => one === text);
  if (text !== undefined && value === undefined) throw invalid(key, text, `expected ${values.join(", ")}`);
  return value;
}

function invalid(option: string, value: string, problem: string, cause?: unknown): InvalidArgumentError {
  const message = `the option ${option} has the value ${JSON.stringify(value)}: ${problem}`;
  return new InvalidArgumentError(option, value, message, cause === undefined ? undefined : { cause });
}
