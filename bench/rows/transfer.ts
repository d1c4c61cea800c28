import { mkdirSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { connect } from "buildkit-node";
import { type Bench, pairs } from "../row.ts";
import { largeTree, manyTree } from "../trees.ts";
import { build, goBuild, openBuild, type Stage, setStage } from "./dockerfile-build.ts";

const trees = { large: largeTree, many: manyTree };
type Tree = keyof typeof trees;

const about: Readonly<Record<Tree, string>> = {
  large: "one file of 512 MB",
  many: "20,000 files of 2 kB in 200 folders",
};

const copyAll = "FROM scratch\nCOPY . /\n";

/** Uploads, and exports of what is cached, as whole processes against the Go client. */
export const transfers: readonly Bench[] = [
  upload("large"),
  upload("many"),
  uploadAgain("upload-unchanged", "nothing changed", async () => {}),
  uploadAgain("upload-again", "one file changed", (context) =>
    writeFile(path.join(context, "folder-0100", "file-00050.dat"), `${process.hrtime.bigint()}`),
  ),
  uploadUnchangedOpen(),
  uploadContexts(),
  ...exportsOf("large"),
  ...exportsOf("many"),
];

function upload(tree: Tree): Bench {
  return freshUpload(`upload-${tree}`, about[tree], () => stageOf(tree));
}

function uploadContexts(): Bench {
  return freshUpload("upload-contexts", "10 contexts of 2,000 files of 2 kB at once", () =>
    setStage((folder) => {
      const names = Array.from({ length: 10 }, (_, index) => `context${index}`);
      const contexts = Object.fromEntries(
        names.map((one) => [one, manyTree(path.join(folder, one), 20, 100)]),
      );
      const copies = names.map((one) => `COPY --from=${one} . /${one}/`);
      const context = path.join(folder, "empty");
      mkdirSync(context);
      return { context, contexts, dockerfile: ["FROM scratch", ...copies, ""].join("\n") };
    }),
  );
}

/** The daemon has nothing of what is sent. */
function freshUpload(name: string, what: string, setTheStage: () => Promise<Stage>): Bench {
  return {
    name,
    about: `upload of ${what}, after a prune`,
    async run() {
      await using stage = await setTheStage();
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

/** A daemon keeps what it was sent apart for each client: both sides send what has changed since their own last build. */
function uploadAgain(name: string, changed: string, change: (context: string) => Promise<void>): Bench {
  return {
    name,
    about: `upload of ${about.many} that the daemon has; ${changed}`,
    async run() {
      await using stage = await stageOf("many");
      return [
        await pairs({
          name,
          reset: () => change(stage.context),
          ours: () => build(stage, undefined),
          theirs: () => goBuild(stage, undefined),
        }),
      ];
    },
  };
}

/** What is ours of it: a process and its start are the Go client's alone here. */
function uploadUnchangedOpen(): Bench {
  const name = "upload-unchanged-open";
  return {
    name,
    about: "the same, nothing changed, on an open connection",
    async run() {
      await using stage = await stageOf("many");
      await using client = await connect(stage.daemon.address);
      const theirs = () => goBuild(stage, undefined);
      return [await pairs({ name, ours: () => openBuild(client, stage), theirs })];
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
        await using stage = await stageOf(tree);
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

function stageOf(tree: Tree): Promise<Stage> {
  return setStage((folder) => ({ context: trees[tree](folder), dockerfile: copyAll }));
}
