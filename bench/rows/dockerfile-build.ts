import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { Client, Exporter } from "buildkit-node";
import { type BenchDaemon, benchDaemon, goClient } from "../bench-daemon.ts";
import { type Cost, measure } from "../measure.ts";

const worker = fileURLToPath(new URL("../work/build.mjs", import.meta.url));

/** buildctl 0.32.2 hangs in about one of ten local exports of 20,000 files. No row's run takes half as long. */
export const peerLimitMs = 60_000;

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

/**
 * `fill` makes the contexts in the folder that it is given, and answers them with the text of the Dockerfile. A private
 * daemon has `env` in its environment.
 */
export async function setStage(
  fill: (folder: string) => StageContents | Promise<StageContents>,
  env: Readonly<Record<string, string>> = {},
): Promise<Stage> {
  const daemon = await benchDaemon(env);
  const { context, contexts = {}, dockerfile: text } = await fill(daemon.folder);
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
  if (go.name === "buildx") await createBuilder(stage, go.program);
  return stage;
}

/** Makes the stage's daemon known to docker-buildx as `bench`. */
export async function createBuilder(stage: Pick<Stage, "goHome" | "daemon">, buildx: string): Promise<void> {
  const args = ["create", "--name", "bench", "--driver", "remote", stage.daemon.address];
  await measure({ command: buildx, args, env: goEnvironment(stage) });
}

/** What is not said by the name of an exporter alone. */
export interface OurExtras {
  /** Exporters by the names of their functions, with their options. */
  readonly exports?: readonly (readonly [name: string, options: object])[];
  readonly cacheFrom?: readonly object[];
  readonly cacheTo?: readonly object[];
}

/** The build as a whole process of ours. */
export function build(stage: Stage, type: ExportType | undefined, extras: OurExtras = {}): Promise<Cost> {
  const { exports = type === undefined ? [] : [[type, { dest: stage.dest }]], ...caches } = extras;
  const named = Object.entries(stage.contexts).flatMap(([name, dir]) => ["--named", `${name}=${dir}`]);
  return measure({
    command: process.execPath,
    args: [
      worker,
      ...["--address", stage.daemon.address, "--context", stage.context, "--dockerfile", stage.dockerfile],
      ...named,
      ...["--solve", JSON.stringify({ exports, ...caches })],
    ],
  });
}

/** The build on a connection that is open already: what a build costs in a process that makes many. */
export async function openBuild(
  client: Client,
  stage: Stage,
  exports: readonly Exporter<unknown>[] = [],
): Promise<Cost> {
  const started = performance.now();
  const before = process.cpuUsage();
  const { context, dockerfile } = stage;
  await client.solveDockerfile({ context, dockerfile, exports });
  const { user, system } = process.cpuUsage(before);
  return {
    seconds: (performance.now() - started) / 1000,
    cpu: (user + system) / 1e6,
    rssMb: process.memoryUsage.rss() / 1e6,
    stdout: "",
  };
}

/** The same for the Go clients, which agree on the values but not on the names of their options. */
export interface GoExtras {
  /** In place of the exporter's name and its destination. */
  readonly output?: string;
  readonly cacheFrom?: string;
  readonly cacheTo?: string;
}

/** The same build by the Go client. */
export async function goBuild(
  stage: Stage,
  type: ExportType | undefined,
  extras: GoExtras = {},
): Promise<Cost> {
  const { name, program } = await goClient();
  const { output = type && `type=${type},dest=${stage.dest}`, cacheFrom, cacheTo } = extras;
  const caches = (from: string, to: string) => [
    ...(cacheFrom === undefined ? [] : [from, cacheFrom]),
    ...(cacheTo === undefined ? [] : [to, cacheTo]),
  ];
  if (name === "buildctl") {
    const args = [...buildctlArgs(stage, output), ...caches("--import-cache", "--export-cache")];
    return measure({ command: program, args, limitMs: peerLimitMs });
  }
  const args = [...caches("--cache-from", "--cache-to"), stage.context];
  return measure({
    command: program,
    args: [...buildxArgs(stage, output), ...args],
    env: goEnvironment(stage),
    limitMs: peerLimitMs,
  });
}

/** All but the context, which comes last. */
export function buildxArgs(stage: Stage, output = "type=cacheonly"): string[] {
  const named = Object.entries(stage.contexts).flatMap(([name, dir]) => [
    "--build-context",
    `${name}=${dir}`,
  ]);
  return [
    ...["--builder", "bench", "build", "--progress", "quiet", "--provenance=false"],
    ...["-f", stage.dockerfile, "--output", output, ...named],
  ];
}

function buildctlArgs(stage: Stage, output: string | undefined): string[] {
  const named = Object.entries(stage.contexts).flatMap(([name, dir]) => [
    ...["--local", `${name}=${dir}`],
    ...["--opt", `context:${name}=local:${name}`],
  ]);
  return [
    ...["--addr", stage.daemon.address],
    ...["build", "--progress", "quiet", "--frontend", "dockerfile.v0"],
    ...["--local", `context=${stage.context}`, "--local", `dockerfile=${path.dirname(stage.dockerfile)}`],
    ...named,
    ...(output === undefined ? [] : ["--output", output]),
  ];
}

/** The Go client's own files go where they are removed with the rest. */
export function goEnvironment(stage: Pick<Stage, "goHome">): Readonly<Record<string, string>> {
  return { HOME: stage.goHome, BUILDX_CONFIG: stage.goHome, DOCKER_CONFIG: stage.goHome };
}
