import { InvalidArgumentError } from "@buildkit-node/core";

/** A platform as OCI describes it. What is not known is absent. */
export interface Platform {
  /** Operating system in Go's words: `linux`, `windows`, `darwin`. */
  readonly os: string;
  /** Processor architecture in Go's words: `amd64`, `arm64`, `arm`. */
  readonly architecture: string;
  /** Variant of the architecture, such as `v7`. */
  readonly variant?: string;
  /** Version of the system; used for Windows, such as `10.0.20348.2113`. */
  readonly osVersion?: string;
  readonly osFeatures?: readonly string[];
}

/** What {@link parsePlatform} takes for the parts that a text leaves out. */
export interface PlatformParseOptions {
  /**
   * The platform that a single word is completed from. Without it the word `arm64` means `linux/arm64`, and the
   * word `linux` is refused, because no architecture can be guessed for it.
   */
  readonly host?: Platform;
}

const knownSystems = new Set(
  (
    "aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 solaris " +
    "windows zos"
  ).split(" "),
);
const knownArchitectures = new Set(
  (
    "386 amd64 amd64p32 arm armbe arm64 arm64be ppc64 ppc64le loong64 mips mipsle mips64 mips64le mips64p32 " +
    "mips64p32le ppc riscv riscv64 s390 s390x sparc sparc64 wasm"
  ).split(" "),
);
const systemPattern = /^([A-Za-z0-9_-]+)(?:\(([A-Za-z0-9_.%-]*)((?:\+[A-Za-z0-9_.%-]+)*)\))?$/;
const partPattern = /^[A-Za-z0-9_.-]+$/;

/**
 * Reads `os[(version+feature…)][/architecture[/variant]]` or a single architecture, as `docker build --platform`
 * does. Names are brought to Go's spelling (`x86_64` is `amd64`), the variant is kept as the user wrote it: see
 * {@link normalizePlatform}.
 *
 * @throws InvalidArgumentError for any other text, wildcards among them
 */
export function parsePlatform(text: string, options: PlatformParseOptions = {}): Platform {
  const parts = text.split("/");
  const system = systemPattern.exec(parts[0] ?? "");
  if (system === null || parts.length > 3 || !parts.slice(1).every((part) => partPattern.test(part))) {
    throw invalid(text, "expected os[/architecture[/variant]]");
  }
  const [first = "", second, third] = parts;
  const os = { os: normalizeSystem(system[1] ?? ""), ...systemOptions(text, system[2], system[3]) };
  if (second === undefined) {
    return completed(text, first, os, options.host);
  }
  const { architecture, variant } = normalizeArchitecture(second, third ?? "");
  if (third === undefined) {
    return { ...os, ...withVariant(architecture, architecture === "arm" && variant === "v7" ? "" : variant) };
  }
  return { ...os, ...withVariant(architecture, architecture === "arm64" && variant === "" ? "v8" : variant) };
}

/** Writes `os/architecture[/variant]`, with version and features in parentheses where there are any. */
export function formatPlatform(platform: Platform): string {
  const version = escapeOption(platform.osVersion ?? "");
  const features = [...new Set(platform.osFeatures ?? [])]
    .sort()
    .map((feature) => `+${escapeOption(feature)}`);
  const options = version === "" && features.length === 0 ? "" : `(${version}${features.join("")})`;
  const variant = platform.variant === undefined || platform.variant === "" ? [] : [platform.variant];
  return [`${platform.os}${options}`, platform.architecture, ...variant].join("/");
}

/**
 * One spelling for every platform: Go's names in lower case, default variants dropped (`linux/arm64/v8` is
 * `linux/arm64`, `linux/arm` is `linux/arm/v7`), features sorted. An empty system becomes `linux`.
 */
export function normalizePlatform(platform: Platform): Platform {
  const { architecture, variant } = normalizeArchitecture(platform.architecture, platform.variant ?? "");
  const features = [...new Set(platform.osFeatures ?? [])].sort();
  return {
    os: platform.os === "" ? "linux" : normalizeSystem(platform.os),
    ...withVariant(architecture, variant),
    ...(platform.osVersion !== undefined && { osVersion: platform.osVersion }),
    ...(features.length > 0 && { osFeatures: features }),
  };
}

/**
 * Whether an image for `candidate` runs where `wanted` is asked for: system, architecture and variant are equal, the
 * candidate needs no feature that is not wanted, and for Windows the build numbers agree.
 */
export function matchesPlatform(wanted: Platform, candidate: Platform): boolean {
  const a = normalizePlatform(wanted);
  const b = normalizePlatform(candidate);
  const features = a.os === "windows" ? withoutWin32k(b.osFeatures) : (b.osFeatures ?? []);
  return (
    a.os === b.os &&
    a.architecture === b.architecture &&
    (a.variant ?? "") === (b.variant ?? "") &&
    (a.os !== "windows" || sameWindowsBuild(a.osVersion, b.osVersion)) &&
    features.every((feature) => a.osFeatures?.includes(feature) ?? false)
  );
}

function completed(
  text: string,
  word: string,
  system: Omit<Platform, "architecture">,
  host: Platform | undefined,
): Platform {
  if (knownSystems.has(system.os)) {
    if (host === undefined) {
      throw invalid(text, `name the architecture too, such as ${system.os}/amd64`);
    }
    const variant = host.architecture === "arm" && host.variant !== "v7" ? (host.variant ?? "") : "";
    return { ...system, ...withVariant(host.architecture, variant) };
  }
  const { architecture, variant } = normalizeArchitecture(word, "");
  if (!knownArchitectures.has(architecture)) {
    throw invalid(text, "neither a known operating system nor a known architecture");
  }
  const kept = architecture === "arm" && variant === "v7" ? "" : variant;
  return { ...system, os: host?.os ?? "linux", ...withVariant(architecture, kept) };
}

function systemOptions(
  text: string,
  version: string | undefined,
  features: string | undefined,
): Pick<Platform, "osVersion" | "osFeatures"> {
  try {
    const osVersion = decodeURIComponent(version ?? "");
    const osFeatures = (features ?? "").split("+").filter(Boolean).map(decodeURIComponent);
    return { ...(osVersion !== "" && { osVersion }), ...(osFeatures.length > 0 && { osFeatures }) };
  } catch (cause) {
    throw invalid(text, "a percent sign is not followed by two hex digits", cause);
  }
}

/** Escapes what would end a version or feature inside the parentheses. */
function escapeOption(text: string): string {
  return text.replace(/[%+()/]/g, encodeURIComponent).replace(/[()]/g, (c) => (c === "(" ? "%28" : "%29"));
}

function normalizeSystem(os: string): string {
  const lower = os.toLowerCase();
  return lower === "macos" ? "darwin" : lower;
}

const architectureNames = new Map([
  ["i386", "386"],
  ["x86_64", "amd64"],
  ["x86-64", "amd64"],
  ["aarch64", "arm64"],
]);
const arm64Variants = new Map([
  ["8", ""],
  ["v8", ""],
  ["v8.0", ""],
  ["9", "v9"],
  ["9.0", "v9"],
  ["v9.0", "v9"],
]);
const armVariants = new Map([
  ["", "v7"],
  ["5", "v5"],
  ["6", "v6"],
  ["7", "v7"],
  ["8", "v8"],
]);

function normalizeArchitecture(
  architecture: string,
  variant: string,
): { readonly architecture: string; readonly variant: string } {
  const name = architecture.toLowerCase();
  const lower = variant.toLowerCase();
  const known = architectureNames.get(name) ?? name;
  switch (known) {
    case "386":
      return { architecture: known, variant: name === "i386" ? "" : lower };
    case "amd64":
      return { architecture: known, variant: lower === "v1" ? "" : lower };
    case "arm64":
      return { architecture: known, variant: arm64Variants.get(lower) ?? lower };
    case "armhf":
      return { architecture: "arm", variant: "v7" };
    case "armel":
      return { architecture: "arm", variant: "v6" };
    case "arm":
      return { architecture: known, variant: armVariants.get(lower) ?? lower };
    default:
      return { architecture: known, variant: lower };
  }
}

function withVariant(architecture: string, variant: string): Pick<Platform, "architecture" | "variant"> {
  return variant === "" ? { architecture } : { architecture, variant };
}

/** Windows images run on hosts of the same major, minor and build number; a version that is not given fits all. */
function sameWindowsBuild(wanted: string | undefined, candidate: string | undefined): boolean {
  if (wanted === undefined || wanted === "" || candidate === undefined || candidate === "") {
    return true;
  }
  return wanted.split(".").slice(0, 3).join(".") === candidate.split(".").slice(0, 3).join(".");
}

function withoutWin32k(features: readonly string[] = []): readonly string[] {
  return features.filter((feature) => feature !== "win32k");
}

function invalid(text: string, why: string, cause?: unknown): InvalidArgumentError {
  return new InvalidArgumentError(
    "platform",
    text,
    `${JSON.stringify(text)} is not a platform: ${why}`,
    cause === undefined ? undefined : { cause },
  );
}
