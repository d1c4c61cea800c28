import { mkdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { connect } from "buildkit-node";
import { type BenchDaemon, benchDaemon, goClient } from "../bench-daemon.ts";
import { type Command, type Cost, measure } from "../measure.ts";
import { type Bench, pairs } from "../row.ts";
import { largeTree, manyTree } from "../trees.ts";

const worker = fileURLToPath(new URL("../work/build.mjs", import.meta.url));

const trees = { large: largeTree, many: manyTree };
type Tree = keyof typeof trees;
type ExportType = "local" | "tar" | "oci";

const about: Readonly<Record<Tree, string>> = {
  large: "one file of 512 MB",
  many: "20,000 files of 2 kB in 200 folders",
};

/** Uploads after a prune, and exports of what is cached, as whole processes against the Go client. */
export const transfers: readonly Bench[] = [
  upload("large"),
  upload("many"),
  ...exportsOf("large"),
  ...exportsOf("many"),
];

function upload(tree: Tree): Bench {
  const name = `upload-${tree}`;
  return {
    name,
    about: `upload of ${about[tree]}, after a prune`,
    async run() {
      await using stage = await setStage(tree);
      await using client = await connect(stage.daemon.address);
      return [
        await pairs({
          name,
          reset: () => client.prune({ all: true }).then(() => undefined),
          ours: () => build(stage, undefined),
          theirs: () => goBuild(stage, undefined),
        }),
      ];
    },
  };
}

function exportsOf(tree: Tree): readonly Bench[] {
  return (["local", "tar", "oci"] as const).map((type) => {
    const name = `${type}-${tree}`;
    return {
      name,
      about: `${type} export of ${about[tree]}, every step cached`,
      async run() {
        await using stage = await setStage(tree);
        return [
          await pairs({
            name,
            reset: () => rm(stage.dest, { recursive: true, force: true }),
            ours: () => build(stage, type),
            theirs: () => goBuild(stage, type),
          }),
        ];
      },
    };
  });
}

interface Stage extends AsyncDisposable {
  readonly daemon: BenchDaemon;
  readonly context: string;
  readonly dockerfile: string;
  readonly dest: string;
  readonly goHome: string;
}

async function setStage(tree: Tree): Promise<Stage> {
  const daemon = await benchDaemon();
  const context = trees[tree](daemon.folder);
  const dockerfile = path.join(daemon.folder, "dockerfile", "Dockerfile");
  await mkdir(path.dirname(dockerfile), { recursive: true });
  await writeFile(dockerfile, "FROM scratch\nCOPY . /\n");
  const stage = {
    daemon,
    context,
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

function build(stage: Stage, type: ExportType | undefined): Promise<Cost> {
  const exported = type === undefined ? [] : ["--type", type, "--dest", stage.dest];
  return measure({
    command: process.execPath,
    args: [
      worker,
      ...["--address", stage.daemon.address, "--context", stage.context, "--dockerfile", stage.dockerfile],
      ...exported,
    ],
  });
}

async function goBuild(stage: Stage, type: ExportType | undefined): Promise<Cost> {
  const go = await goClient();
  const output = type === undefined ? "type=cacheonly" : `type=${type},dest=${stage.dest}`;
  const command: Command =
    go.name === "buildx"
      ? {
          command: go.program,
          args: [
            ...["--builder", "bench", "build", "--progress", "quiet", "--provenance=false"],
            ...["-f", stage.dockerfile, "--output", output, stage.context],
          ],
          env: goEnvironment(stage),
        }
      : {
          command: go.program,
          args: [
            ...[
              "--addr",
              stage.daemon.address,
              "build",
              "--progress",
              "quiet",
              "--frontend",
              "dockerfile.v0",
            ],
            ...[
              "--local",
              `context=${stage.context}`,
              "--local",
              `dockerfile=${path.dirname(stage.dockerfile)}`,
            ],
            ...(type === undefined ? [] : ["--output", output]),
          ],
        };
  return measure(command);
}

/** The Go client's own files go where they are removed with the rest. */
function goEnvironment(stage: Pick<Stage, "goHome">): Readonly<Record<string, string>> {
  return { HOME: stage.goHome, BUILDX_CONFIG: stage.goHome, DOCKER_CONFIG: stage.goHome };
}
