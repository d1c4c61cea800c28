import type { ErrorDetail, ErrorSource, ErrorStack, Position, Range } from "@buildkit-node/core";

/** What BuildKit attaches to an error, decoded. Each detail is JSON text inside a `google.protobuf.Any`. */
export interface DecodedDetails {
  readonly vertex?: string;
  readonly exitCode?: number;
  readonly op?: Readonly<Record<string, unknown>>;
  readonly sources: readonly ErrorSource[];
  readonly frontend?: string;
  readonly denied: readonly string[];
  readonly daemonStacks: readonly ErrorStack[];
}

/** Decodes what is known and well formed; the rest is left to the raw details. */
export function decodeDetails(details: readonly ErrorDetail[]): DecodedDetails {
  const all = (type: string) => details.filter((detail) => detail.type === type).flatMap(parse);
  const vertex = all("errdefs.Vertex+json").map((json) => text(json["digest"]));
  const frontends = all("errdefs.Frontend+json").map((json) => text(json["name"]));
  const exits = all("gatewayapi.ExitMessage+json").map((json) => number(json["Code"]));
  const op = all("errdefs.Solve+json").at(-1);
  const decisions = all("policysession.DecisionResponse+json");
  return {
    ...optional("vertex", vertex.at(-1)),
    ...optional("exitCode", exits.at(-1)),
    ...optional("op", op),
    // The daemon adds the outer place after the inner one.
    sources: all("errdefs.Source+json").flatMap(decodeSource),
    ...optional("frontend", frontends.at(-1)),
    denied: decisions.flatMap((json) => list(json["denyMessages"]).map((deny) => text(deny["message"]))),
    daemonStacks: all("stack.Stack+json").map(decodeStack),
  };
}

type Json = Readonly<Record<string, unknown>>;

function parse(detail: ErrorDetail): Json[] {
  try {
    return [record(JSON.parse(new TextDecoder().decode(detail.value)))];
  } catch {
    return [];
  }
}

function decodeSource(json: Json): ErrorSource[] {
  const info = record(json["info"]);
  const filename = text(info["filename"]);
  if (filename === "") return [];
  return [
    {
      filename,
      language: text(info["language"]),
      data: Buffer.from(text(info["data"]), "base64"),
      ranges: list(json["ranges"]).map(decodeRange),
    },
  ];
}

function decodeRange(json: Json): Range {
  return { start: decodePosition(record(json["start"])), end: decodePosition(record(json["end"])) };
}

/** Go leaves zeros out. */
function decodePosition(json: Json): Position {
  return { line: number(json["line"]), character: number(json["character"]) };
}

function decodeStack(json: Json): ErrorStack {
  const command = json["cmdline"];
  return {
    frames: list(json["frames"]).map((frame) => ({
      name: text(frame["Name"]),
      file: text(frame["File"]),
      line: number(frame["Line"]),
    })),
    command: Array.isArray(command) ? command.map(text) : [],
    version: text(json["version"]),
    revision: text(json["revision"]),
  };
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function number(value: unknown): number {
  return typeof value === "number" ? value : 0;
}

function record(value: unknown): Json {
  return typeof value === "object" && value !== null ? (value as Json) : {};
}

function list(value: unknown): Json[] {
  return Array.isArray(value) ? value.map(record) : [];
}

function optional<K extends string, T>(key: K, value: T | undefined): { readonly [P in K]?: T } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [P in K]?: T });
}
