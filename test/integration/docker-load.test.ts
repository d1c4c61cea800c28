import { connect } from "@buildkit-node/control";
import { dockerLoad, image } from "@buildkit-node/exporters";
import { image as imageSource, mkdir, mkfile, type State, scratch } from "@buildkit-node/llb";
import { createEngineDialer } from "@buildkit-node/transport";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { startEngine } from "../../scripts/debian/engines.ts";
import { createAuthority } from "../support/certificates.ts";
import { type EngineApi, engineApi, socketOf } from "../support/engine-api.ts";
import { type Registry, startRegistry } from "../support/registry.ts";
import { standIns } from "../support/stand-ins.ts";
import { startTlsRelay } from "../support/tls-relay.ts";
import { shell, toolsDirectory, toolsRoot, workDirectory } from "../support/tools.ts";
import { describeEachDaemon, type Way } from "../support/ways.ts";

let registry: Registry;
beforeAll(async () => {
  registry = await startRegistry();
});
afterAll(() => registry?.[Symbol.asyncDispose]());

/** A tag that no test before had. */
const freshTag = () => `load:t${Date.now()}-${Math.floor(Math.random() * 1e6)}`;

/** Pushes an image with a shell and a PATH that is not the usual one. */
async function pushBase(way: Way): Promise<string> {
  await using work = await workDirectory();
  await using client = await connect(way.address);
  const name = `${registry.host}/${way.daemon.replaceAll(/[^a-z]/gi, "").toLowerCase()}/base:1`;
  const tools = toolsRoot().run(
    shell("mkdir /tools && cp /bin/busybox /tools/cat && cp /bin/busybox /tools/pwd"),
  );
  await client.solve(tools, {
    locals: { tools: await toolsDirectory(work.path) },
    exports: [
      image({
        name,
        push: true,
        insecure: true,
        config: { Env: ["PATH=/tools:/bin", "BASE=yes"], WorkingDir: "/tmp", Labels: { base: "kept" } },
      }),
    ],
  });
  return name;
}

/** The image of a program on top of another, which nobody has looked up. */
async function program(way: Way, text: string): Promise<{ readonly state: State; readonly config: object }> {
  const state = imageSource(await pushBase(way))
    .file(mkdir("/app"))
    .file(mkfile("/app/greeting", text))
    .env("OWN", "too");
  const script = 'cat /app/greeting; echo "$PATH $BASE $OWN $(pwd)"';
  return { state, config: { Entrypoint: ["sh", "-c", script] } };
}

describeEachDaemon("docker load", (way) => {
  let address: string;
  let engine: EngineApi;
  let stop = async () => {};
  beforeAll(async () => {
    const ways = inject("ways").filter(({ daemon }) => daemon === way.daemon);
    const own = ways.find((one) => one.address.startsWith("docker://"));
    if (own !== undefined) {
      address = own.address;
    } else {
      const started = await startEngine("testing");
      stop = () => started.close();
      address = started.address;
    }
    engine = engineApi(address);
  });
  afterAll(() => stop());

  it("brings an image that runs, with all of its base image's config, and is not sent twice", async () => {
    await using client = await connect(way.address);
    const { state, config } = await program(way, "hello ");
    const tags = [freshTag(), freshTag()];
    const told: string[] = [];
    const options = { engine: address, tags, config, onProgress: ({ text = "" }) => void told.push(text) };
    const { exports } = await client.solve(state, { exports: [dockerLoad(options)] });
    const [first] = exports;
    expect(first).toMatchObject({
      type: "docker-load",
      engine: `docker://unix://${socketOf(address)}`,
      how: "sent",
    });
    expect(first.sentBytes).toBeGreaterThan(500_000);
    expect(told.join()).toContain("Loaded image");
    for (const tag of tags) {
      expect(await engine.run(tag)).toBe("hello /tools:/bin yes too /tmp\n");
    }
    const other = freshTag();
    const again = await client.solve(state, { exports: [dockerLoad({ ...options, tags: other })] });
    expect(again.exports[0]).toMatchObject({ how: "present", sentBytes: 0, digest: first.digest });
    expect((await engine.inspect(other))?.Id).toBe((await engine.inspect(tags[0]!))?.Id);
    for (const tag of [...tags, other]) await engine.remove(tag);
  });

  it("leaves the image to the engine that builds it", async (context) => {
    if (!way.ours) context.skip("the daemon is no Docker Engine");
    await using client = await connect(address);
    const { state, config } = await program(way, "mine ");
    const tags = freshTag();
    const { exports } = await client.solve(state, {
      exports: [dockerLoad({ engine: address, tags, config })],
    });
    expect(exports[0]).toMatchObject({ how: "stored", sentBytes: 0 });
    expect(await engine.run(tags)).toBe("mine /tools:/bin yes too /tmp\n");
    await engine.remove(tags);
  });

  it("goes over TLS, and through ssh", async () => {
    await using work = await workDirectory();
    await using client = await connect(way.address);
    const tools = await toolsDirectory(work.path);
    const socket = socketOf(address);
    const authority = createAuthority("engines");
    await using relay = await startTlsRelay(socket, authority.issue({ names: ["127.0.0.1"] }));
    await using own = await standIns(["ssh"], { relay: socket });
    const ssh = await createEngineDialer(
      { kind: "docker-engine", engine: { kind: "ssh", host: "host", user: "me" } },
      own,
    );
    const places = [
      { engine: `tcp://127.0.0.1:${relay.port}`, tls: { ca: authority.cert } },
      { engine: ssh },
    ];
    for (const place of places) {
      const tags = freshTag();
      const state = toolsRoot().file(mkfile("/which", tags));
      const load = dockerLoad({ ...place, tags, config: { Cmd: ["/bin/busybox", "cat", "/which"] } });
      const { exports } = await client.solve(state, { locals: { tools }, exports: [load] });
      expect(exports[0].how).toBe("sent");
      expect(await engine.run(tags)).toBe(tags);
      await engine.remove(tags);
    }
    expect((await own.calls()).length).toBeGreaterThan(0);
    expect(await own.alive()).toEqual([]);
  });

  it("brings several platforms at once", async () => {
    await using client = await connect(way.address);
    const tags = freshTag();
    const of = (platform: string) => scratch().file(mkfile("/which", platform));
    const platforms = { "linux/amd64": of("amd64"), "linux/arm64": of("arm64") };
    const { exports } = await client.solve(
      { platforms },
      { exports: [dockerLoad({ engine: address, tags })] },
    );
    const [loaded] = exports;
    expect((await engine.inspect(tags))?.Id).toBe(loaded.digest);
    const saved = await engine.save(tags);
    for (const platform of ["amd64", "arm64"])
      expect(saved.includes(`"architecture":"${platform}"`)).toBe(true);
    await engine.remove(tags);
  });

  it("fails before the build when there is no engine", async () => {
    await using client = await connect(way.address);
    const load = dockerLoad({ engine: "unix:///no/such/engine.sock", tags: "a:b" });
    const failing = client.start(scratch().file(mkfile("/file", "x")), { exports: [load] });
    await expect(failing.result).rejects.toMatchObject({ code: "ERR_BUILDKIT_CONNECT" });
    expect(await client.history.get(failing.ref)).toBeUndefined();
  });
});
