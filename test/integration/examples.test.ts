import { execFile } from "node:child_process";
import { copyFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { provideSets } from "../../scripts/debian/provide.ts";
import { type Registry, startRegistry } from "../support/registry.ts";
import { putTestImage } from "../support/test-image.ts";
import { workDirectory } from "../support/tools.ts";
import { describeEachDaemon } from "../support/ways.ts";

const run = promisify(execFile);

/** Runs an example as its reader would. Answers what it printed, also when it failed. */
async function example(address: string, name: string, ...args: readonly string[]) {
  const program = fileURLToPath(new URL(`../../examples/${name}`, import.meta.url));
  const node = ["--conditions=@buildkit-node/source", "--import", "tsx", program, ...args];
  const env = { ...process.env, BUILDKIT_HOST: address };
  try {
    return { code: 0, ...(await run(process.execPath, node, { env })) };
  } catch (error) {
    return error as { readonly code: number; readonly stdout: string; readonly stderr: string };
  }
}

let registry: Registry;
beforeAll(async () => {
  registry = await startRegistry();
});
afterAll(() => registry?.[Symbol.asyncDispose]());

describeEachDaemon("the examples", (way) => {
  it("build a Dockerfile with arguments, a secret and a target", async () => {
    await using work = await workDirectory();
    const { busybox } = await provideSets("busybox");
    await copyFile(path.join(busybox.root, "bin/busybox"), work.in("busybox"));
    await writeFile(work.in("token"), "hush");
    await writeFile(
      work.in("Dockerfile"),
      [
        "FROM scratch AS made",
        "ARG VERSION",
        "COPY busybox /busybox",
        'SHELL ["/busybox", "sh", "-c"]',
        "RUN --mount=type=secret,id=token /busybox wc -c < /run/secrets/token > /length && echo $VERSION > /version",
        "FROM scratch AS unused",
        'RUN ["/nothing"]',
      ].join("\n"),
    );
    const out = work.in("image.tar");
    const args = [
      "--target=made",
      "--arg=VERSION=1.2.3",
      `--secret=token=${work.in("token")}`,
      `--out=${out}`,
    ];
    const { code, stdout, stderr } = await example(way.address, "dockerfile.ts", ...args, work.path);
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/^sha256:[0-9a-f]{64} in /);
    const { stdout: listing } = await run("tar", ["-tf", out]);
    expect(listing).toContain("oci-layout");
  });

  it("tell all about an image", async () => {
    const repository = `examples-${way.daemon.replaceAll(/[^a-z]/gi, "").toLowerCase()}`;
    const platforms = [
      { os: "linux", architecture: "amd64" },
      { os: "linux", architecture: "arm64" },
    ];
    const put = await putTestImage(registry, repository, { tag: "1", platforms });
    const ref = `${registry.host}/${repository}:1`;
    const { code, stdout, stderr } = await example(
      way.address,
      "inspect-image.ts",
      "--platform=linux/arm64",
      ref,
    );
    expect(code, stderr).toBe(0);
    expect(stdout).toContain(put.index.digest);
    for (const { manifest } of put.platforms) expect(stdout).toContain(manifest.digest);
    expect(stdout).toContain("ARCH=arm64");
  });

  it("explain a failure by its fields", async () => {
    await using work = await workDirectory();
    await writeFile(work.in("Dockerfile"), "FROM scratch\nCOPY missing /\n");
    const { code, stdout, stderr } = await example(way.address, "explain-failure.ts", work.path);
    expect(code, stderr).toBe(1);
    expect(stdout).toContain("> 2 | COPY missing /");
    expect(JSON.parse(stdout.trim().split("\n").at(-1) ?? "")).toMatchObject({ at: "Dockerfile:2" });
  });

  it("load into an engine what is tagged", async (context) => {
    const own = inject("ways").find(
      ({ daemon, address }) => daemon === way.daemon && address.startsWith("docker://"),
    );
    if (own === undefined) return context.skip("the daemon is no Docker Engine");
    await using work = await workDirectory();
    await writeFile(work.in("Dockerfile"), "FROM scratch\nCOPY Dockerfile /\n");
    const untagged = await example(way.address, "docker-load.ts", work.path);
    expect(untagged.code).not.toBe(0);
    expect(untagged.stderr).toMatch(/tag/);
    const args = [`--engine=${own.address}`, "--tag=example:load", work.path];
    const { code, stdout, stderr } = await example(way.address, "docker-load.ts", ...args);
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/^example:load: sha256:[0-9a-f]{64} \(sent, \d+ bytes sent\)\n$/);
  });
});
