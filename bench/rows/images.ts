import { rm } from "node:fs/promises";
import { request } from "node:http";
import path from "node:path";
import { connect, oci } from "buildkit-node";
import { startEngine } from "../../scripts/debian/engines.ts";
import { provideSets } from "../../scripts/debian/provide.ts";
import { measure } from "../measure.ts";
import { type Bench, pairs, type Row } from "../row.ts";
import { largeTree } from "../trees.ts";
import {
  build,
  buildxArgs,
  createBuilder,
  goBuild,
  goEnvironment,
  openBuild,
  peerLimitMs,
  type Stage,
  setStage,
} from "./dockerfile-build.ts";

const copyAll = "FROM scratch\nCOPY . /\n";

/** Images as OCI layouts, local caches and Docker load, as whole processes against the Go client. */
export const images: readonly Bench[] = [
  bench("layout-cold", "export of a 512 MB image into an empty OCI layout, every step cached", (stage) =>
    layout("layout-cold", stage, () => rm(stage.dest, { recursive: true, force: true })),
  ),
  bench("layout-present", "the same into a layout that has every blob", (stage) =>
    layout("layout-present", stage, async () => {}),
  ),
  bench("layout-present-open", "the same on an open connection", layoutOpen),
  bench("cache-export", "export of a local cache of 512 MB, every step cached", cacheExport),
  bench("cache-import", "local export of 128 MB out of a local cache, after a prune", cacheImport, 128),
  dockerLoad(),
];

function bench(name: string, about: string, run: (stage: Stage) => Promise<Row>, megabytes?: number): Bench {
  return {
    name,
    about,
    async run() {
      await using stage = await setStage((folder) => ({
        context: largeTree(folder, megabytes),
        dockerfile: copyAll,
      }));
      return [await run(stage)];
    },
  };
}

function layout(name: string, stage: Stage, reset: () => Promise<void>): Promise<Row> {
  const { dest } = stage;
  return pairs({
    name,
    reset,
    ours: () => build(stage, undefined, { exports: [["oci", { tar: false, dest }]] }),
    theirs: () => goBuild(stage, undefined, { output: `type=oci,tar=false,dest=${dest}` }),
  });
}

async function layoutOpen(stage: Stage): Promise<Row> {
  await using client = await connect(stage.daemon.address);
  const { dest } = stage;
  return await pairs({
    name: "layout-present-open",
    ours: () => openBuild(client, stage, [oci({ tar: false, dest })]),
    theirs: () => goBuild(stage, undefined, { output: `type=oci,tar=false,dest=${dest}` }),
  });
}

function cacheExport(stage: Stage): Promise<Row> {
  const { dest } = stage;
  return pairs({
    name: "cache-export",
    reset: () => rm(dest, { recursive: true, force: true }),
    ours: () => build(stage, undefined, { cacheTo: [{ type: "local", dest, mode: "max" }] }),
    theirs: () => goBuild(stage, undefined, { cacheTo: `type=local,dest=${dest},mode=max` }),
  });
}

async function cacheImport(stage: Stage): Promise<Row> {
  const src = `${stage.dest}-cache`;
  await build(stage, undefined, { cacheTo: [{ type: "local", dest: src, mode: "max" }] });
  await using client = await connect(stage.daemon.address);
  return await pairs({
    name: "cache-import",
    reset: async () => {
      await rm(stage.dest, { recursive: true, force: true });
      await client.prune({ all: true });
    },
    ours: () => build(stage, "local", { cacheFrom: [{ type: "local", src }] }),
    theirs: () => goBuild(stage, "local", { cacheFrom: `type=local,src=${src}` }),
  });
}

/** Of the Go clients docker-buildx alone loads. The engine that loads is not the one that builds. */
function dockerLoad(): Bench {
  return {
    name: "docker-load",
    about: "load of a 128 MB image into a Docker Engine, every step cached",
    async run() {
      await using stage = await setStage((folder) => ({
        context: largeTree(folder, 128),
        dockerfile: copyAll,
      }));
      await using engine = await startEngine("testing", { dataRoot: "tmpfs" });
      const socket = engine.address.replace("docker://", "");
      const { buildx } = await provideSets("buildx");
      const program = path.join(buildx.root, "usr/libexec/docker/cli-plugins/docker-buildx");
      await createBuilder(stage, program).catch(() => {}); // it may be there already
      const row = await pairs({
        name: "docker-load",
        reset: () => removeImage(socket),
        ours: () =>
          build(stage, undefined, {
            exports: [["dockerLoad", { engine: `unix://${socket}`, tags: "bench:load" }]],
          }),
        theirs: () =>
          measure({
            command: program,
            args: [...buildxArgs(stage, "type=docker"), "--tag", "bench:load", stage.context],
            env: { ...goEnvironment(stage), DOCKER_HOST: `unix://${socket}` },
            limitMs: peerLimitMs,
          }),
      });
      return [row];
    },
  };
}

function removeImage(socketPath: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, method: "DELETE", path: "/images/bench:load?force=1" }, (response) => {
      response.resume().once("end", resolve);
    });
    call.once("error", reject).end();
  });
}
