import { readFile } from "node:fs/promises";
import { connect } from "@buildkit-node/control";
import { SolveError, UnsupportedError } from "@buildkit-node/core";
import { oci } from "@buildkit-node/exporters";
import { image, mkfile, type State, scratch } from "@buildkit-node/llb";
import { expect, it } from "vitest";
import { needsCapability } from "../support/capabilities.ts";
import { workDirectory } from "../support/tools.ts";
import { describeEachDaemon } from "../support/ways.ts";

const graph = () => scratch().file(mkfile("/file", `${Date.now()} ${Math.random()}`));
/** A host that nobody is: what is denied or replaced is never asked for. */
const far = "registry.invalid/far:1";

describeEachDaemon("what a build is asked with", ({ address }) => {
  it("rules about sources: one that denies, and one that replaces", async (context) => {
    await using client = await connect(address);
    await needsCapability(context, client, "source.policy");
    const state = image(far).file(mkfile("/file", "x"));
    const selector = { identifier: "docker-image://registry.invalid/*" };
    const denied = client.solve(state, { sourceRules: [{ action: "deny", selector }] });
    await expect(denied).rejects.toThrow(/source.*registry\.invalid\/far:1.*denied/i);
    // What the wildcard has matched goes where the rule says so.
    const updates = { identifier: `docker-image://127.0.0.1:1/near:${"$"}{1}` };
    const replaced = client.solve(state, {
      sourceRules: [{ action: "convert", selector: { identifier: `${selector.identifier}:*` }, updates }],
    });
    await expect(replaced).rejects.toThrow("127.0.0.1:1/v2/near/");
  });

  it("a function that decides about sources", async () => {
    await using client = await connect(address);
    const seen: string[] = [];
    const denied = client.solve(image(far).file(mkfile("/file", "x")), {
      sourcePolicy: ({ source }) => {
        seen.push(source.identifier);
        return { action: "deny", reasons: ["not from there"] };
      },
    });
    const error = await denied.catch((thrown: unknown) => thrown);
    if (error instanceof UnsupportedError) {
      expect(error).toMatchObject({ capability: "source.policy.session" });
      return;
    }
    expect(error).toBeInstanceOf(SolveError);
    expect(error).toMatchObject({ denied: ["not from there"] });
    expect(seen).toEqual([`docker-image://${far}`]);
  });

  it("a device, which a daemon without any is not asked for: that would end it", async (context) => {
    await using client = await connect(address);
    const workers = await client.listWorkers();
    if (workers.some(({ devices }) => devices.length > 0)) context.skip("the daemon offers devices");
    const device = { name: "vendor.example/none=0", optional: true };
    const built = client.solve(graph().run(["/nothing"], { devices: [device] }));
    await expect(built).rejects.toMatchObject({
      code: "ERR_BUILDKIT_UNSUPPORTED",
      capability: "exec.meta.cdi",
      message: expect.stringContaining("offers none"),
    });
    await client.listWorkers();
  });

  it("exporters that are chosen when the result is known", async () => {
    await using client = await connect(address);
    const refs: (readonly string[])[] = [];
    const chosen = client.solve(graph(), {
      sessionExporters: {
        find: async (outcome) => {
          refs.push(outcome.refs);
          return [];
        },
      },
    });
    const failed = await chosen.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (failed === undefined) expect(refs).toHaveLength(1);
    else expect(failed).toMatchObject({ name: "UnsupportedError", capability: "exporter.session" });
  });

  it("a version to be compatible with, and the daemon's proxy, or says that the daemon knows none", async () => {
    await using client = await connect(address);
    const { llb } = await client.capabilities();
    const older = client.solve(graph(), { compatibilityVersion: 20 });
    if (llb.has("source.git.bundle")) {
      await expect(older).resolves.toMatchObject({ exports: [] });
      await expect(client.solve(graph(), { compatibilityVersion: 11 })).rejects.toThrow("11");
    } else {
      await expect(older).rejects.toThrow("compatibilityVersion needs BuildKit 0.30");
    }
    const proxied = client.solve(graph(), { proxyNetwork: true });
    if (llb.get("exec.meta.network.proxy")?.enabled === true) await proxied;
    else await expect(proxied).rejects.toBeInstanceOf(UnsupportedError);
  });

  it("no record in the history", async () => {
    await using client = await connect(address);
    const { ref } = await client.solve(graph(), { internal: true });
    expect(await client.history.get(ref)).toBeUndefined();
  });

  it("entitlements that the daemon knows, and others that it refuses", async () => {
    await using client = await connect(address);
    await client.solve(graph(), { entitlements: ["network.host"] });
    await expect(client.solve(graph(), { entitlements: ["no.such"] })).rejects.toThrow("no.such");
  });

  it("a platform for steps that name none, and options of the frontend", async () => {
    await using work = await workDirectory();
    await using client = await connect(address);
    await client.solve(graph(), { platform: "linux/arm64", exports: [oci({ dest: work.in("image.tar") })] });
    expect(await readFile(work.in("image.tar"), "latin1")).toMatch(/"architecture":\s*"arm64"/);
    const dockerfile = scratch().file(mkfile("/Dockerfile", "FROM scratch AS one\nFROM scratch AS two\n"));
    const build = (target: string) =>
      client.solve({ frontend: "dockerfile.v0", inputs: { dockerfile } }, { frontendAttrs: { target } });
    await build("one");
    await expect(build("three")).rejects.toThrow("three");
  });

  it("graphs for a frontend to use, by name", async () => {
    await using client = await connect(address);
    const dockerfile = scratch().file(mkfile("/Dockerfile", "FROM scratch\nCOPY file /copied\n"));
    const build = (context: State) =>
      client.solve({ frontend: "dockerfile.v0", inputs: { dockerfile, context } });
    await build(graph());
    await expect(build(scratch().file(mkfile("/other", "x")))).rejects.toThrow("/file");
  });
});
