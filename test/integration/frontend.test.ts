import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { connect } from "@buildkit-node/control";
import { local as directory } from "@buildkit-node/exporters";
import { type FrontendImage, frontendImage } from "@buildkit-node/frontend/image";
import { recordBuild } from "@buildkit-node/frontend/testing";
import { imageConfigOf } from "@buildkit-node/llb";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { frontend as nodeApp } from "../../examples/node-app-frontend/frontend.ts";
import { frontend as yaml } from "../../examples/yaml-frontend/frontend.ts";
import { needsCapability } from "../support/capabilities.ts";
import { testRoot } from "../support/test-root.ts";
import { describeEachDaemon } from "../support/ways.ts";

const good = `args: { WORD: hello }
targets:
  app:
    from: rootfs
    steps:
      - run: echo \${WORD} >/word
      - copy: data.txt
        to: /data/
`;
const bad = "targets:\n  app:\n    from: scratch\n    stepz: []\n";

let work: string;
beforeEach(async () => {
  work = await mkdtemp(path.join(tmpdir(), "bk-frontend-"));
  await mkdir(path.join(work, "context"));
  await writeFile(path.join(work, "context", "data.txt"), "data");
});
afterEach(() => rm(work, { recursive: true, force: true }));

describeEachDaemon("a frontend", (way) => {
  /** Builds the file by the example's frontend: in this process, or in its image. */
  async function build(file: string, image?: FrontendImage): Promise<void> {
    const root = await testRoot();
    const context = path.join(work, "context");
    await writeFile(path.join(context, "Dockerfile"), file);
    await using client = await connect(way.address);
    const options = {
      locals: { ...root.locals, ...image?.locals, context, dockerfile: context },
      exports: [directory({ dest: path.join(work, "out") })],
    };
    const attrs = { "build-arg:WORD": "bye", "context:rootfs": "input:rootfs" };
    if (image === undefined) {
      await client.build(yaml, { ...options, frontendAttrs: attrs });
      return;
    }
    const config = Buffer.from(JSON.stringify(imageConfigOf(image.state))).toString("base64");
    await client.solve(
      { frontend: "gateway.v0", inputs: { fe: image.state, rootfs: root.state } },
      {
        ...options,
        frontendAttrs: {
          ...attrs,
          source: "fe",
          "context:fe": "input:fe",
          "input-metadata:fe": JSON.stringify({ "containerimage.config": config }),
        },
      },
    );
  }

  it("runs in the process of its caller, and points at what is wrong", async () => {
    await expect(build(bad)).rejects.toMatchObject({
      code: "ERR_BUILDKIT_FRONTEND",
      sources: [{ filename: "Dockerfile", ranges: [{ start: { line: 4, character: 4 } }] }],
    });
  });

  it("runs in an image with this machine's Node, and points at what is wrong", async (context) => {
    await using client = await connect(way.address);
    // BuildKit 0.20, the first that takes a frontend from an input, is also the first with this one.
    await needsCapability(context, client, "history.filter");
    const image = await frontendImage({
      entry: fileURLToPath(new URL("../../examples/yaml-frontend/main.ts", import.meta.url)),
      runtime: "host",
      conditions: ["@buildkit-node/source"],
    });
    await build(good, image);
    expect(await readFile(path.join(work, "out", "word"), "utf8")).toBe("bye\n");
    expect(await readFile(path.join(work, "out", "data", "data.txt"), "utf8")).toBe("data");
    await expect(build(bad, image)).rejects.toMatchObject({
      code: "ERR_BUILDKIT_SOLVE",
      text: expect.stringContaining('unknown key "stepz"'),
      sources: [{ filename: "Dockerfile", ranges: [{ start: { line: 4 } }] }],
    });
  });
});

describe("the example for Node applications", () => {
  const world = (manifest: object, options: Readonly<Record<string, string>> = {}) => ({
    options,
    images: { "docker.io/library/node:22-alpine": { config: { os: "linux", architecture: "amd64" } } },
    locals: { dockerfile: { "package.json": JSON.stringify(manifest) } },
  });
  const app = { name: "app", main: "app.js", scripts: { build: "x" }, dependencies: { a: "1" } };

  it("keeps what only building needs out of the image", async () => {
    const { results, error } = await recordBuild(nodeApp, world(app));
    expect(error).toBeUndefined();
    const { definition, config } = results.get("") ?? {};
    const commands = definition?.vertices.flatMap(({ op }) => op.exec?.meta?.args?.at(-1) ?? []);
    expect(commands?.toSorted()).toEqual(["npm ci", "npm ci --omit=dev", "npm run build"]);
    expect(config?.config).toMatchObject({ Cmd: ["node", "app.js"], WorkingDir: "/app" });
  });

  it("refuses a target that there is not", async () => {
    const { error } = await recordBuild(nodeApp, world(app, { target: "nope" }));
    expect(error).toMatchObject({ message: expect.stringContaining("prod, build, test") });
  });
});
