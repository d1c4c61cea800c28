import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { type BenchDaemon, benchDaemon, goClient } from "../bench-daemon.ts";
import { type Cost, measure } from "../measure.ts";

const worker = fileURLToPath(new URL("../work/build.mjs", import.meta.url));

export type ExportType = "local" | "tar" | "oci";

/** A daemon and what both clients build on it. */
export interface Stage extends AsyncDisposable {
  readonly daemon: BenchDaemon;
  readonly context: string;
  /** Further contexts by name. */
  readonly contexts: Readonly<Record<string, string>>;
  readonly dockerfile: string;
  /** Where results go. */
  readonly dest: string;
  readonly goHome: string;
}

export interface StageContents {
  readonly context: string;
  readonly contexts?: Readonly<Record<string, string>>;
  readonly dockerfile: string;
}

/** `fill` makes the contexts in the folder that it is given, and answers them with the text of the Dockerfile. */
export async function setStage(fill: (folder: string) => StageContents): Promise<Stage> {
  const daemon = await benchDaemon();
  const { context, contexts = {}, dockerfile: text } = fill(daemon.folder);
  const dockerfile = path.join(daemon.folder, "dockerfile", "Dockerfile");
  await mkdir(path.dirname(dockerfile), { recursive: true });
  await writeFile(dockerfile, text);
  const stage = {
    daemon,
    context,
    contexts,
    dockerfile,
    dest: path.join(daemon.folder, "dest"),
    goHome: path.join(daemon.folder, "go-home"),
    [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose](),
  };
  const go = await goClient();
  if (go.name === "buildx") {
    const args = ["create", "--name", "bench", "--driver", "remote", daemon.address];
    await measure({ command: go.program, args, env: goEnvironment(stage) });
  }
  return stage;
}

/** The build as a whole process of ours. */
export function build(stage: Stage, type: ExportType | undefined): Promise<Cost> {
  const exported = type === undefined ? [] : ["--type", type, "--dest", stage.dest];
  const named = Object.entries(stage.contexts).flatMap(([name, dir]) => ["--named", `${name}=${dir}`]);
  return measure({
    command: process.execPath,
    args: [
      worker,
      ...["--address", stage.daemon.address, "--context", stage.context, "--dockerfile", stage.dockerfile],
      ...named,
      ...exported,
    ],
  });
}

/** The same build by the Go client. */
export async function goBuild(stage: Stage, type: ExportType | undefined): Promise<Cost> {
  const { name, program } = await goClient();
  return name === "buildx"
    ? measure({ command: program, args: buildxArgs(stage, type), env: goEnvironment(stage) })
    : measure({ command: program, args: buildctlArgs(stage, type) });
}

function buildxArgs(stage: Stage, type: ExportType | undefined): string[] {
  const output = type === undefined ? "type=cacheonly" : `type=${type},dest=${stage.dest}`;
  const named = Object.entries(stage.contexts).flatMap(([name, dir]) => [
    "--build-context",
    `${name}=${dir}`,
  ]);
  return [
    ...["--builder", "bench", "build", "--progress", "quiet", "--provenance=false"],
    ...["-f", stage.dockerfile, "--output", output, ...named, stage.context],
  ];
}

function buildctlArgs(stage: Stage, type: ExportType | undefined): string[] {
  const named = Object.entries(stage.contexts).flatMap(([name, dir]) => [
    ...["--local", `${name}=${dir}`],
    ...["--opt", `context:${name}=local:${name}`],
  ]);
  return [
    ...["--addr", stage.daemon.address],
    ...["build", "--progress", "quiet", "--frontend", "dockerfile.v0"],
    ...["--local", `context=${stage.context}`, "--local", `dockerfile=${path.dirname(stage.dockerfile)}`],
    ...named,
    ...(type === undefined ? [] : ["--output", `type=${type},dest=${stage.dest}`]),
  ];
}

/** The Go client's own files go where they are removed with the rest. */
function goEnvironment(stage: Pick<Stage, "goHome">): Readonly<Record<string, string>> {
  return { HOME: stage.goHome, BUILDX_CONFIG: stage.goHome, DOCKER_CONFIG: stage.goHome };
}
