import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { connect } from "@buildkit-node/control";
import { git as gitSource, ociLayout, ociLayoutBlob } from "@buildkit-node/llb";
import { contentService, memoryStore } from "@buildkit-node/session";
import { afterAll, beforeAll, expect, it } from "vitest";
import { needsCapability } from "../../support/capabilities.ts";
import { commit, git, initRepository } from "../../support/git-server.ts";
import { describeGraphs } from "../../support/graph-cases.ts";
import { blobOf, type ImageBlob, layeredImage, storeBlobs } from "../../support/layered-image.ts";
import { describeEachDaemon } from "../../support/ways.ts";

const app = layeredImage("layout");
const store = memoryStore();
const attachables = [contentService(new Map([["oci:layout", store]]))];
let folder: string;
/** A repository as one file, and its only commit. */
let bundle: ImageBlob;
let head: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "bk-llb-bundle-"));
  initRepository(folder);
  head = commit(folder, "only", { file: "bundled\n" });
  git(folder, "bundle", "create", "-q", ".git/bundle", "main");
  bundle = blobOf(readFileSync(path.join(folder, ".git/bundle")));
  await storeBlobs(store, [app.index, ...app.manifests, ...app.blobs, bundle]);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const ref = `layout.example/app@${app.index.digest}`;
const amd64 = { platform: "linux/amd64" };

describeGraphs(
  "OCI layouts",
  {
    "store: are an image": {
      state: () => ociLayout(ref, { ...amd64, store: "layout" }),
      look: "cat lower upper",
      prints: "lower\nlayout amd64",
    },
    platform: {
      state: () => ociLayout(ref, { platform: "linux/arm64", store: "layout" }),
      look: "cat upper",
      prints: "layout arm64",
    },
    layerLimit: {
      state: () => ociLayout(ref, { ...amd64, store: "layout", layerLimit: 1 }),
      look: "ls",
      prints: "lower",
    },
    "store: one that the session does not have fails": {
      state: () =>
        ociLayout(`layout.example/none@${blobOf(new Uint8Array(1)).digest}`, { ...amd64, store: "nowhere" }),
      fails: /nowhere/,
    },
  },
  { solve: () => ({ attachables }) },
);

describeGraphs(
  "blobs of OCI layouts",
  {
    "are a file, with name, mode and owner": {
      state: () =>
        ociLayoutBlob(`layout.example/app@${app.lower.digest}`, {
          store: "layout",
          filename: "layer.tar",
          mode: 0o640,
          uid: 7,
          gid: 8,
        }),
      look: "stat -c '%n %a %u:%g' *; tar -xOf layer.tar lower",
      prints: "layer.tar 640 7:8\nlower",
    },
    "are repositories, as bundles": {
      state: () =>
        gitSource("https://git.example/app.git", {
          checksum: head,
          bundle: { locator: `oci-layout+blob://layout.example/app@${bundle.digest}`, store: "layout" },
        }),
      look: "cat file",
      prints: "bundled",
    },
  },
  { solve: () => ({ attachables }) },
);

describeEachDaemon("an OCI layout", ({ address }) => {
  it("of the session that is named", async (context) => {
    await using client = await connect(address);
    await needsCapability(context, client, "source.ocilayout");
    const read: string[] = [];
    await client.build(
      async (gateway) => {
        const named = await gateway.solve(
          ociLayout(ref, { ...amd64, store: "layout", session: gateway.sessionId }),
        );
        read.push(Buffer.from(await named.readFile("/upper")).toString());
      },
      { attachables },
    );
    expect(read).toEqual(["layout amd64\n"]);
  });
});
