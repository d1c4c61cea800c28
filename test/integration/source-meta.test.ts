import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import path from "node:path";
import {
  type Client,
  connect,
  type SourceMeta,
  type SourceMetaRequest,
  UnsupportedError,
} from "buildkit-node";
import { afterAll, beforeAll, expect, it, type TestContext } from "vitest";
import { type WorkDirectory, workDirectory } from "../support/tools.ts";
import { describeEachDaemon } from "../support/ways.ts";

describeEachDaemon("resolveSourceMeta", (way) => {
  let client: Client;
  let work: WorkDirectory;
  let origin: string;
  const server = createServer((request, response) => {
    const file = path.join(work.path, path.normalize(new URL(request.url ?? "/", "http://x").pathname));
    readFile(file).then(
      (bytes) => response.end(bytes),
      () => response.writeHead(404).end(),
    );
  });
  beforeAll(async () => {
    client = await connect(way.address);
    work = await workDirectory();
    await once(server.listen(0, "127.0.0.1"), "listening");
    const address = server.address();
    origin = `127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
  });
  afterAll(async () => {
    server.close();
    await client.close();
    await work[Symbol.asyncDispose]();
  });

  /** Daemons before BuildKit 0.26 say that they cannot. */
  async function ask(context: TestContext, request: SourceMetaRequest): Promise<SourceMeta> {
    try {
      return await client.resolveSourceMeta(request);
    } catch (error) {
      if (error instanceof UnsupportedError) context.skip("the daemon tells nothing about this source");
      throw error;
    }
  }

  it("tells the checksum and the name of a file", async (context) => {
    writeFileSync(work.in("file.txt"), "content");
    const { http } = await ask(context, { identifier: `http://${origin}/file.txt` });
    const digest = `sha256:${createHash("sha256").update("content").digest("hex")}`;
    expect(http).toMatchObject({ checksum: digest, filename: "file.txt" });
    await expect(client.resolveSourceMeta({ identifier: `http://${origin}/nope` })).rejects.toThrow("404");
  });

  it("tells the commit of a branch, and what a tag stands for", async (context) => {
    const repository = work.in("repository.git");
    mkdirSync(repository);
    const git = (...args: readonly string[]) =>
      execFileSync("git", ["-c", "user.name=me", "-c", "user.email=me@example.org", ...args], {
        cwd: repository,
        encoding: "utf8",
        stdio: ["ignore", "pipe", "pipe"],
      }).trim();
    try {
      git("init", "--quiet", "--bare", "--initial-branch=main");
    } catch {
      return context.skip("this machine has no git");
    }
    const commit = git("commit-tree", "-m", "first", git("hash-object", "-t", "tree", "-w", "/dev/null"));
    git("update-ref", "refs/heads/main", commit);
    git("tag", "-a", "-m", "one", "v1", commit);
    git("update-server-info");
    const meta = async (ref: string) => {
      const attrs = { "git.fullurl": `http://${origin}/repository.git` };
      return (await ask(context, { identifier: `git://${origin}/repository.git#${ref}`, attrs })).git;
    };
    expect(await meta("main")).toMatchObject({ checksum: commit, ref: "refs/heads/main" });
    const tag = git("rev-parse", "v1");
    expect(await meta("v1")).toMatchObject({ checksum: tag, commitChecksum: commit, ref: "refs/tags/v1" });
  });
});
