import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, it } from "vitest";
import { provideSets } from "../../scripts/debian/provide.ts";
import { describeEachWay } from "../support/ways.ts";

const run = promisify(execFile);
const example = fileURLToPath(new URL("../../examples/hello/main.ts", import.meta.url));

let out: string;

beforeEach(async () => {
  out = await mkdtemp(path.join(os.tmpdir(), "hello-"));
});

afterEach(() => rm(out, { recursive: true }));

describeEachWay("the example hello", (way) => {
  it("brings home the site as a directory and as an image", async () => {
    const { busybox } = await provideSets("busybox");
    const node = [process.execPath, "--conditions=@buildkit-node/source", "--import", "tsx"] as const;
    const options = [`--out=${out}`, `--tools=${path.join(busybox.root, "bin")}`];
    const env = { ...process.env, BUILDKIT_HOST: way.address };
    const { stdout } = await run(node[0], [...node.slice(1), example, ...options], { env });
    await expectSite(path.join(out, "site"));

    const layout = path.join(out, "layout");
    await mkdir(layout);
    await run("tar", ["-xf", path.join(out, "hello.tar"), "-C", layout]);
    const image = await expectLayout(layout);
    expect(stdout).toContain(`image ${image.digest} `);
    const layers = path.join(out, "layers");
    await mkdir(layers);
    for (const layer of image.layers) await run("tar", ["-xf", layer, "-C", layers]);
    await expectSite(layers);
  });
});

async function expectSite(root: string): Promise<void> {
  const names = await readdir(root, { recursive: true });
  expect(names.sort()).toEqual([
    "srv",
    "srv/bin",
    "srv/bin/serve",
    "srv/site",
    "srv/site/index.html",
    "srv/site/style.css",
    "srv/start",
  ]);
  expect((await lstat(path.join(root, "srv/bin/serve"))).mode & 0o777).toBe(0o755);
  expect((await lstat(path.join(root, "srv/site/index.html"))).mode & 0o777).toBe(0o644);
  expect(await readlink(path.join(root, "srv/start"))).toBe("bin/serve");
  const page = await readFile(path.join(root, "srv/site/index.html"), "utf8");
  expect(page).not.toMatch(/@[A-Z]+@/);
}

/** Checks that each blob has the digest that names it, and follows the index to the layers. */
async function expectLayout(layout: string): Promise<{ digest: string; layers: string[] }> {
  const blobs = path.join(layout, "blobs", "sha256");
  for (const name of await readdir(blobs)) {
    const content = await readFile(path.join(blobs, name));
    expect(createHash("sha256").update(content).digest("hex")).toBe(name);
  }
  const blob = (digest: string) => path.join(blobs, digest.replace("sha256:", ""));
  const index = JSON.parse(await readFile(path.join(layout, "index.json"), "utf8"));
  const { digest } = index.manifests[0];
  const manifest = JSON.parse(await readFile(blob(digest), "utf8"));
  return { digest, layers: manifest.layers.map((layer: { digest: string }) => blob(layer.digest)) };
}
