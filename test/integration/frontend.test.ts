import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { frontendImage, frontendIndex } from "@buildkit-node/frontend/image";
import { recordBuild } from "@buildkit-node/frontend/testing";
import { resolveInLayout } from "@buildkit-node/session";
import { type Client, connect, hasCapability, image, llb, local, oci } from "buildkit-node";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { frontend as nodeApp } from "../../examples/node-app-frontend/frontend.ts";
import { type ExampleFrontend, exampleFrontends, writeExample } from "../support/example-frontends.ts";
import { goClient } from "../support/go-client.ts";
import { type Registry, startRegistry } from "../support/registry.ts";
import { putTestImage } from "../support/test-image.ts";
import { type WorkDirectory, workDirectory } from "../support/tools.ts";
import { describeEachDaemon } from "../support/ways.ts";

let work: WorkDirectory;
beforeEach(async () => {
  work = await workDirectory();
});
afterEach(() => work[Symbol.asyncDispose]());

async function expectResult({ expected }: ExampleFrontend): Promise<void> {
  for (const [file, content] of Object.entries(expected)) {
    expect(await readFile(work.in("out", file), "utf8"), file).toBe(content);
  }
}

describeEachDaemon("a frontend whose module fails", (way) => {
  it("tells whoever builds why", async () => {
    await using registry = await startRegistry();
    await using client = await connect(way.address);
    await writeFile(work.in("main.ts"), 'throw new Error("there is no table of words");\n');
    const { state, locals } = await frontendImage({
      entry: work.in("main.ts"),
      runtime: "host",
      conditions: ["@buildkit-node/source"],
    });
    const source = `${registry.host}/broken:1`;
    await client.solve(state, { locals, exports: [image({ name: source, push: true })] });
    const built = client.solve({ frontend: "gateway.v0" }, { frontendAttrs: { source } });
    await expect(built).rejects.toThrow("there is no table of words");
  });
});

describeEachDaemon("the example frontends", (way) => {
  let client: Client;
  let registry: Registry;
  let images: WorkDirectory;

  /** With this machine's Node, so that no base image is needed. */
  beforeAll(async () => {
    client = await connect(way.address);
    registry = await startRegistry();
    images = await workDirectory();
    for (const { name, entry } of exampleFrontends) {
      const { state, locals } = await frontendImage({
        entry,
        runtime: "host",
        conditions: ["@buildkit-node/source"],
      });
      const plain = { compression: "uncompressed" } as const;
      await client.solve(state, {
        locals,
        exports: [
          image({ name: `${registry.host}/${name}:1`, push: true, ...plain }),
          oci({ tar: false, dest: images.in("layout"), tags: [name], ...plain }),
        ],
      });
    }
  });
  afterAll(async () => {
    await registry?.[Symbol.asyncDispose]();
    await images?.[Symbol.asyncDispose]();
    await client?.close();
  });

  /** What a build of an example is given, however its frontend runs. */
  async function optionsFor(example: ExampleFrontend, input: string) {
    const { context, rootfs } = await writeExample(work.path, example, input);
    return {
      locals: { context, dockerfile: context, rootfs },
      frontendAttrs: {
        filename: example.filename,
        "build-arg:WORD": "bye",
        "context:rootfs": "local:rootfs",
      },
      exports: [local({ dest: work.in("out") })],
    };
  }

  /** The frontend in its image, from the layout where the daemon takes one from there, else from the registry. */
  async function buildByImage(example: ExampleFrontend, input: string): Promise<void> {
    const { frontendAttrs, ...options } = await optionsFor(example, input);
    const { name } = example;
    // BuildKit 0.20, the first that takes frontends from named contexts, is also the first with this.
    const fromLayout = hasCapability(await client.capabilities(), "history.filter");
    const root = await resolveInLayout(images.in("layout"), name);
    const place = fromLayout
      ? { source: `local/${name}`, [`context:local/${name}`]: `oci-layout://images@${root?.digest}` }
      : { source: `${registry.host}/${name}:1` };
    await client.solve(
      { frontend: "gateway.v0" },
      { ...options, layouts: { images: images.in("layout") }, frontendAttrs: { ...frontendAttrs, ...place } },
    );
  }

  describe.each(exampleFrontends)("$name", (example) => {
    const { name, frontend, filename, problem } = example;
    const source = { filename, ranges: [{ start: { line: problem.line } }] };

    it("runs in the process of its caller, and points at what is wrong", async () => {
      await client.build(frontend, await optionsFor(example, example.input("good")));
      await expectResult(example);
      const failing = client.build(frontend, await optionsFor(example, example.input("bad")));
      await expect(failing).rejects.toMatchObject({
        code: "ERR_BUILDKIT_FRONTEND",
        message: expect.stringContaining(problem.text),
        sources: [source],
      });
    });

    it("runs in its image, and points at what is wrong", async () => {
      await buildByImage(example, example.input("good"));
      await expectResult(example);
      await expect(buildByImage(example, example.input("bad"))).rejects.toMatchObject({
        code: "ERR_BUILDKIT_SOLVE",
        text: expect.stringContaining(problem.text),
        sources: [source],
      });
    });

    it("runs for docker-buildx, which shows the file and the line of what is wrong", async () => {
      await mkdir(work.in("go"));
      const go = await goClient(way.address, work.in("go"));
      const build = async (kind: "good" | "bad", ...more: readonly string[]): Promise<string> => {
        const input = example.input(kind, `${registry.host}/${name}:1`);
        const { context, rootfs } = await writeExample(work.path, example, input);
        const file = path.join(context, filename);
        return go.build(
          ...["-f", file, "--build-context", `rootfs=${rootfs}`, "--build-arg", "WORD=bye"],
          ...more,
          context,
        );
      };
      await build("good", "--output", `type=local,dest=${work.in("out")}`);
      await expectResult(example);
      const shown = await build("bad").catch((error: { readonly stdout: string }) => error.stdout);
      expect(shown).toContain(problem.text);
      expect(shown).toContain(`${filename}:${problem.line + 1}`);
      expect(shown.split("\n").find((line) => line.includes(">>>"))).toContain(problem.excerpt);
      const targets = await build("good", "--call=targets");
      expect(targets).toContain(name === "yaml-frontend" ? "app (default)" : "prod (default)");
    });
  });
});

describeEachDaemon("a frontend's image for several platforms", (way) => {
  it("is an index over those of the image with Node", async () => {
    await using registry = await startRegistry();
    await using client = await connect(way.address);
    const platforms = ["amd64", "arm64"].map((architecture) => ({ os: "linux", architecture }));
    await putTestImage(registry, "node", { tag: "1", platforms });
    const name = `${registry.host}/frontend:1`;
    const options = { bundle: "process.exit(3);", runtime: { image: `${registry.host}/node:1` } };
    await client.build(frontendIndex({ ...options, platforms }), {
      exports: [image({ name, push: true })],
    });
    const found = await client.resolveImageConfig(name, { everyPlatform: true, resolveMode: "pull" });
    expect(found.platforms.map(({ platform }) => platform)).toEqual(platforms);
    for (const { platform, config } of found.platforms) {
      expect(config?.config).toMatchObject({
        Entrypoint: ["node", "/frontend.mjs"],
        Env: ["PATH=/bin", `ARCH=${platform.architecture}`],
        Labels: { "moby.buildkit.frontend.network.none": "true" },
      });
    }
    expect(() => frontendIndex({ ...options, platforms: [] })).toThrow("platforms");
    const nothing = client.build(frontendIndex({ runtime: options.runtime, platforms }));
    await expect(nothing).rejects.toMatchObject({ code: "ERR_BUILDKIT_INVALID_ARGUMENT", argument: "entry" });
  });
});

describeEachDaemon("a frontend's image that cannot run", (way) => {
  it.each([
    ["has no program to run", {}],
    ["has a program that fails", { Entrypoint: ["/nope"] }],
  ])("fails the build when it %s, and nothing else", async (_, config) => {
    await using registry = await startRegistry();
    await using client = await connect(way.address);
    const name = `${registry.host}/broken:1`;
    await client.solve(llb.scratch().file(llb.mkfile("/f", "x")), {
      exports: [image({ name, push: true, config })],
    });
    const build = client.solve({ frontend: "gateway.v0" }, { frontendAttrs: { source: name } });
    await expect(build).rejects.toMatchObject({ code: "ERR_BUILDKIT_SOLVE" });
    expect(await client.listWorkers()).not.toHaveLength(0);
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
