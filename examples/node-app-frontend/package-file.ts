import type { SourceFile } from "@buildkit-node/frontend";

/** What a `package.json` says that matters for building its application. */
export interface PackageFile {
  readonly name: string;
  readonly main: string;
  readonly scripts: Readonly<Record<string, string>>;
  readonly hasDependencies: boolean;
  readonly hasDevDependencies: boolean;
  /** `npm`, `pnpm` or `yarn`. */
  readonly manager: PackageManager;
  /** The image with Node to build and run on. */
  readonly image: string;
  readonly port: number | undefined;
}

export type PackageManager = "npm" | "pnpm" | "yarn";

export const defaultImage = "docker.io/library/node:22-alpine";

/** @throws {SourceError} pointing at the line that cannot be read */
export function readPackage(file: SourceFile): PackageFile {
  const json = parse(file);
  const settings = record(json["container"]);
  const port = settings["port"];
  const manager = /^(npm|pnpm|yarn)@/.exec(text(json["packageManager"]) ?? "npm@")?.[1];
  if (manager === undefined) {
    throw file.error(
      `the package manager ${json["packageManager"]} is not known`,
      lineOf(file, "packageManager"),
    );
  }
  if (port !== undefined && !Number.isInteger(port)) {
    throw file.error(`the port ${JSON.stringify(port)} is not a number`, lineOf(file, "port"));
  }
  return {
    name: text(json["name"]) ?? "app",
    main: text(json["main"]) ?? "index.js",
    scripts: Object.fromEntries(
      Object.entries(record(json["scripts"])).map(([name, script]) => [name, String(script)]),
    ),
    hasDependencies: Object.keys(record(json["dependencies"])).length > 0,
    hasDevDependencies: Object.keys(record(json["devDependencies"])).length > 0,
    manager: manager as PackageManager,
    image: text(settings["image"]) ?? defaultImage,
    port: typeof port === "number" ? port : undefined,
  };
}

function parse(file: SourceFile): Readonly<Record<string, unknown>> {
  try {
    return record(JSON.parse(file.text));
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    const at = Number(/position (\d+)/.exec(message)?.[1] ?? 0);
    throw file.error(message, file.span(at, at + 1), { cause });
  }
}

function lineOf(file: SourceFile, key: string) {
  const at = Math.max(0, file.text.indexOf(`"${key}"`));
  return file.span(at, at + key.length + 2);
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}
