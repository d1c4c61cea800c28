import { connect } from "@buildkit-node/control";
import { type ImageOptions, image, imageBlob, resolve, type State } from "@buildkit-node/llb";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeGraphs, step } from "../../support/graph-cases.ts";
import { layeredImage, pushImage } from "../../support/layered-image.ts";
import { type Registry, startRegistry } from "../../support/registry.ts";
import { shellRoot } from "../../support/test-root.ts";
import { describeEachDaemon } from "../../support/ways.ts";

const app = layeredImage("app");
const later = layeredImage("later");
let registry: Registry;
beforeAll(async () => {
  registry = await startRegistry();
  await pushImage(registry, "app", "1", app);
});
afterAll(() => registry?.[Symbol.asyncDispose]());

const ref = (rest = "app:1") => `${registry.host}/${rest}`;
const amd64 = { platform: "linux/amd64" };
const pulled = (options: ImageOptions = {}): State => image(ref(), { ...amd64, ...options });

describeGraphs("image sources", {
  "are the files of all layers": {
    state: () => pulled(),
    look: "cat lower upper",
    prints: "lower\napp amd64",
  },
  platform: { state: () => pulled({ platform: "linux/arm64" }), look: "cat upper", prints: "app arm64" },
  "by digest": {
    state: () => image(ref(`app@${app.index.digest}`), amd64),
    look: "cat upper",
    prints: "app amd64",
  },
  "that are not there fail": { state: () => image(ref("nowhere:1"), amd64), fails: /nowhere:1/ },
  layerLimit: { state: () => pulled({ layerLimit: 1 }), look: "ls", prints: "lower" },
  checksum: { state: () => pulled({ checksum: app.index.digest }), look: "cat upper", prints: "app amd64" },
  "checksum: another image fails": {
    state: () => pulled({ checksum: later.index.digest }),
    fails: /checksum|digest|expected/,
  },
  "resolveMode local": {
    state: () => pulled({ resolveMode: "local" }),
    look: "cat upper",
    prints: "app amd64",
  },
  "resolve: config gives variables and directory": {
    state: () => step("pwd; echo $CALLED", {}, shellRoot.reset(pulled({ resolve: "config" }))),
    prints: "/home\napp",
  },
});

describeGraphs("blobs of images", {
  "are a file, with name, mode and owner": {
    state: () =>
      imageBlob(ref(`app@${app.lower.digest}`), { filename: "layer.tar", mode: 0o640, uid: 7, gid: 8 }),
    look: "stat -c '%n %a %u:%g' *; tar -xOf layer.tar lower",
    prints: "layer.tar 640 7:8\nlower",
  },
});

describeEachDaemon("a tag that moves", ({ address, daemon }) => {
  const repository = `moving-${daemon.replaceAll(/[^a-z]+/gi, "-").toLowerCase()}`;
  const moving = (options: ImageOptions) => image(ref(`${repository}:1`), { ...amd64, ...options });

  it("is followed with resolveMode pull, and not once it has been resolved to a digest", async () => {
    await using client = await connect(address);
    const read = async (state: State): Promise<string> => {
      let content = "";
      await client.build(async (gateway) => {
        content = Buffer.from(await (await gateway.solve(state)).readFile("/upper")).toString();
      });
      return content;
    };
    await pushImage(registry, repository, "1", app);
    expect(await read(moving({ resolveMode: "pull" }))).toBe("app amd64\n");
    let pinned: State | undefined;
    await client.build(async ({ resolver }) => {
      pinned = await resolve(moving({ resolve: "digest" }), { ...amd64, resolver });
    });
    await pushImage(registry, repository, "1", later);
    expect(await read(moving({ resolveMode: "pull" }))).toBe("later amd64\n");
    expect(await read(pinned as State)).toBe("app amd64\n");
  });

  it("is counted as internal on request", async () => {
    await using client = await connect(address);
    const own = layeredImage(`internal ${Math.random()}`);
    await pushImage(registry, `${repository}-internal`, "1", own);
    const state = image(ref(`${repository}-internal:1`), { ...amd64, internal: true });
    await client.build(async (gateway) => {
      await (await gateway.solve(state)).readFile("/upper");
    });
    const records = (await client.diskUsage()).filter(({ description }) =>
      description.includes(`${repository}-internal`),
    );
    expect(records.map(({ type }) => type)).toContain("internal");
  });
});
