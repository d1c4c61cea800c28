import * as llb from "@buildkit-node/llb";
import { formatPlatform } from "@buildkit-node/oci";
import { describe, expect, it } from "vitest";
import { marshalled, options } from "./support/graphs.ts";

const digest = `sha256:${"1".repeat(64)}`;

/** Knows every image; its variable says for which platform it was asked. */
class Resolver implements llb.ImageResolver {
  readonly asked: string[] = [];
  failures = 0;

  async resolveImageConfig(
    ref: string,
    { platform }: { readonly platform: Parameters<typeof formatPlatform>[0] },
  ) {
    this.asked.push(`${ref} ${formatPlatform(platform)}`);
    await Promise.resolve();
    if (this.failures > 0) {
      this.failures -= 1;
      throw new Error("the registry is away");
    }
    return { digest, config: { config: { Env: [`FOR=${formatPlatform(platform)}`], WorkingDir: "/w" } } };
  }
}

describe("images that want to be resolved", () => {
  it("take over the config", async () => {
    const resolver = new Resolver();
    const state = await llb.resolve(llb.image("alpine", { resolve: "config" }).dir("sub").run(["x"]), {
      ...options,
      resolver,
    });
    expect(resolver.asked).toEqual(["docker.io/library/alpine:latest linux/amd64"]);
    const [image, exec] = marshalled(state).vertices;
    expect(image?.op.source?.identifier).toBe("docker-image://docker.io/library/alpine:latest");
    expect(exec?.op.exec?.meta).toMatchObject({ env: ["FOR=linux/amd64"], cwd: "/w/sub" });
  });

  it("are pinned, unless the reference has a digest", async () => {
    const resolver = new Resolver();
    const pinned = await llb.resolve(llb.image("alpine:3", { resolve: "digest" }), { ...options, resolver });
    const named = await llb.resolve(llb.image(`alpine@sha256:${"2".repeat(64)}`, { resolve: "digest" }), {
      ...options,
      resolver,
    });
    const ids = [pinned, named].map((state) => marshalled(state).vertices[0]?.op.source?.identifier);
    expect(ids).toEqual([
      `docker-image://docker.io/library/alpine:3@${digest}`,
      `docker-image://docker.io/library/alpine@sha256:${"2".repeat(64)}`,
    ]);
  });

  it("are looked up at once by who asks for it, with the user", async () => {
    const asked: object[] = [];
    const client: llb.ImageClient = {
      resolveImageConfig: async (ref, wanted) => {
        asked.push({ ref, ...wanted });
        const config = {
          os: "linux",
          architecture: "arm64",
          config: { User: "me", WorkingDir: "/w", Env: ["A=b"] },
        };
        return { digest, config };
      },
    };
    const given = llb.image("alpine", { platform: "linux/arm64", resolveMode: "pull" });
    const state = await given.resolve(client);
    const [image, exec] = marshalled(state.run(["x"])).vertices;
    expect(image?.op.source?.identifier).toBe(`docker-image://docker.io/library/alpine:latest@${digest}`);
    expect(image?.op.platform).toMatchObject({ architecture: "arm64" });
    expect(exec?.op.exec?.meta).toMatchObject({ env: ["A=b"], cwd: "/w", user: "me" });
    await llb.image("alpine").resolve(client);
    const ref = "docker.io/library/alpine:latest";
    expect(asked).toEqual([
      { ref, platform: { os: "linux", architecture: "arm64" }, resolveMode: "pull" },
      { ref, resolveMode: "default" },
    ]);
    await expect(given.resolve(client, { platform: "no such/" })).rejects.toMatchObject({
      reason: "platform",
    });
    await expect(given.env("A", "b").resolve(client)).rejects.toMatchObject({ reason: "resolve" });
  });

  it("are asked about once for each platform, and again after a failure", async () => {
    const resolver = new Resolver();
    const state = llb.image("alpine", { resolve: "config" });
    const [first, second] = [
      await llb.resolve(state, { ...options, resolver }),
      await llb.resolve(state, { ...options, resolver }),
    ];
    expect(second).toBe(first);
    const other = await llb.resolve(state, { platform: "linux/arm64", resolver });
    expect(other.settings.env.get("FOR")).toBe("linux/arm64");
    expect(resolver.asked).toHaveLength(2);

    const away = new Resolver();
    away.failures = 1;
    await expect(llb.resolve(state, { ...options, resolver: away })).rejects.toThrow("the registry is away");
    expect((await llb.resolve(state, { ...options, resolver: away })).settings.dir).toBe("/w");
  });

  it("may stand anywhere in a graph", async () => {
    const resolver = new Resolver();
    const open = llb.image("alpine", { resolver });
    const exec = llb
      .image("busybox")
      .exec(["x"], { mounts: [llb.bind("/in", open), llb.bind("/out", llb.scratch())] });
    const graph = llb
      .merge([llb.scratch(), exec.mounts["/out"], llb.diff(open, open.run(["y"]))])
      .file(llb.copy(llb.staged(open, llb.mkdir("made")), "made", "/copied"))
      .requires({ id: "gate", after: [llb.passthrough("p", [{ state: open, output: true }]).output(0)] })
      .build();
    expect(graph.isOpen).toBe(true);
    const closed = await llb.resolve(graph, options);
    expect(resolver.asked).toHaveLength(1);
    const copy = marshalled(closed).vertices.flatMap(({ op }) => op.file?.actions ?? []);
    expect(copy).toMatchObject([{ mkdir: { path: "/w/made" } }, { copy: { src: "/w/made" } }]);
  });

  it("are asked about at the same time", async () => {
    const waiting: (() => void)[] = [];
    const resolver: llb.ImageResolver = {
      async resolveImageConfig() {
        await new Promise<void>((resume) => {
          waiting.push(resume);
          if (waiting.length === 3) {
            for (const each of waiting) {
              each();
            }
          }
        });
        return { digest, config: {} };
      },
    };
    const images = ["a", "b", "c"].map((ref) => llb.image(ref, { resolver }));
    await llb.resolve(llb.merge(images), options);
    expect(waiting).toHaveLength(3);
  });
});

describe("async steps", () => {
  it("see the state and the platform, and may give an open state", async () => {
    const resolver = new Resolver();
    const state = llb
      .image("alpine")
      .async(async (current, { platform }) => current.env("ARCH", platform.architecture))
      .async((current) =>
        llb.image("busybox", { resolver }).env("FROM", current.settings.env.get("ARCH") ?? ""),
      );
    const closed = await llb.resolve(state, options);
    expect([...closed.settings.env]).toEqual([
      ["FOR", "linux/amd64"],
      ["FROM", "amd64"],
    ]);
  });

  it("may give an empty filesystem, wherever it is used", async () => {
    const nothing = llb.image("alpine").async(() => llb.scratch());
    const graph = llb.merge([nothing, llb.image("a").run(["x"], { mounts: [llb.bind("/m", nothing)] })]);
    expect(marshalled(await llb.resolve(graph, options)).vertices).toHaveLength(3);
  });

  it("pass on what they throw", async () => {
    const failure = new Error("no");
    const state = llb.image("alpine").async(() => {
      throw failure;
    });
    await expect(llb.resolve(state.run(["x"]), options)).rejects.toBe(failure);
  });

  it("stop when the signal is aborted", async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    let calls = 0;
    const state = llb
      .image("alpine")
      .async((current) => {
        controller.abort(reason);
        return current;
      })
      .async((current) => {
        calls += 1;
        return current;
      });
    await expect(llb.resolve(state, { ...options, signal: controller.signal })).rejects.toBe(reason);
    expect(calls).toBe(0);
  });

  it("may be long chains", async () => {
    let state = llb.image("alpine").async((current) => current);
    for (let at = 0; at < 20_000; at++) {
      state = state.env("A", `${at}`);
    }
    expect((await llb.resolve(state, options)).settings.env.get("A")).toBe("19999");
  });
});

it("a state without open ends is given back as it is", async () => {
  const state = llb.image("alpine").run(["x"]);
  expect(await llb.resolve(state, options)).toBe(state);
});
