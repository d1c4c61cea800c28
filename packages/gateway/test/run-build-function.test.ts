import { BuildkitError } from "@buildkit-node/core";
import { merge, mkfile, scratch } from "@buildkit-node/llb";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { type Gateway, imageResult, type Reference, SourceError } from "../src/index.ts";
import { build } from "./support/scripted-daemon.ts";

const graph = scratch().file(mkfile("/f", "x"));

describe("what a build function returns", () => {
  it("is an empty result when it returns nothing", async () => {
    const { returned, thrown } = await build({}, () => undefined);
    expect(thrown).toBeUndefined();
    expect(returned).toHaveLength(1);
    expect(returned[0]?.result?.result).toMatchObject({ case: "ref", value: { id: "" } });
    expect(returned[0]?.error).toBeUndefined();
  });

  it("is solved when it is a graph, and returned when it is a reference", async () => {
    const solve = () => ({ result: { result: { case: "ref" as const, value: { id: "r1" } } } });
    for (const fn of [() => graph, (gateway: Gateway) => gateway.solve(graph)]) {
      const { returned, calls } = await build({ bridge: { solve } }, fn);
      expect(calls).toEqual(["Solve", "Return"]);
      expect(returned[0]?.result?.result).toMatchObject({ case: "ref", value: { id: "r1" } });
    }
  });

  it("may hold several platforms with their configs", async () => {
    let next = 0;
    const solve = () => ({ result: { result: { case: "ref" as const, value: { id: `r${next++}` } } } });
    const { returned, thrown } = await build({ bridge: { solve } }, () =>
      imageResult(
        ["linux/amd64", "linux/arm64/v8"].map((platform) => ({
          platform,
          ref: graph,
          config: { os: "linux" },
        })),
        { metadata: { "frontend.note": "hi" } },
      ),
    );
    expect(thrown).toBeUndefined();
    const result = returned[0]?.result;
    expect(result?.result).toMatchObject({
      case: "refs",
      value: { refs: { "linux/amd64": { id: "r0" }, "linux/arm64": { id: "r1" } } },
    });
    const text = (key: string) => new TextDecoder().decode(result?.metadata[key]);
    expect(JSON.parse(text("refs.platforms"))).toEqual({
      Platforms: [
        { ID: "linux/amd64", Platform: { os: "linux", architecture: "amd64" } },
        { ID: "linux/arm64", Platform: { os: "linux", architecture: "arm64" } },
      ],
    });
    expect(JSON.parse(text("containerimage.config/linux/arm64"))).toEqual({
      os: "linux",
      architecture: "arm64",
    });
    expect(text("frontend.note")).toBe("hi");
  });

  it("is refused as an error when the daemon refuses it", async () => {
    let times = 0;
    const refuse = () => {
      if (times++ === 0) throw new ConnectError("return reference nope not found", Code.Unknown);
      return {};
    };
    const { returned, thrown } = await build({ bridge: { return: refuse } }, () => undefined);
    expect(returned.map(({ error }) => error?.message)).toEqual([
      undefined,
      "return reference nope not found",
    ]);
    expect(thrown).toMatchObject({ code: "ERR_BUILDKIT_STATUS" });
  });
});

describe("what a build function cannot return", () => {
  const refused = { code: "ERR_BUILDKIT_INVALID_ARGUMENT" };

  it.each(["text", 7, null, {}, { metadata: new Map() }])("is %o", async (value) => {
    const { returned, thrown } = await build({}, () => value as never);
    expect(thrown).toMatchObject({ ...refused, argument: "result" });
    expect(returned.map(({ error }) => error?.message)).toEqual([expect.stringContaining("returns a state")]);
  });

  it("is a reference of another build, which can be mounted nowhere either", async () => {
    const solve = () => ({ result: { result: { case: "ref" as const, value: { id: "r1" } } } });
    const kept: Reference[] = [];
    await build({ bridge: { solve } }, async (gateway) => {
      kept.push(await gateway.solve(graph));
    });
    const [foreign] = kept;
    const returning = await build({ bridge: { solve } }, () => foreign);
    expect(returning.thrown).toMatchObject({ ...refused, argument: "result" });
    const mounting = await build({ bridge: { solve } }, async (gateway) => {
      await gateway.newContainer({ mounts: [{ target: "/", ...(foreign && { ref: foreign }) }] });
    });
    expect(mounting.thrown).toMatchObject({ ...refused, argument: "mounts" });
    expect(mounting.calls).toEqual(["Return"]);
  });
});

describe("a build function that throws", () => {
  it("gives its message to the daemon, and its error to the caller", async () => {
    const mine = new TypeError("my fault");
    const { returned, thrown } = await build({}, () => Promise.reject(mine));
    expect(thrown).toBe(mine);
    expect(returned).toHaveLength(1);
    expect(returned[0]?.result).toBeUndefined();
    expect(returned[0]?.error).toMatchObject({ code: Code.Unknown, message: "my fault", details: [] });
  });

  it.each([[undefined], [null], [""], [new Error("")]])(
    "has a message also when it throws %s",
    async (value) => {
      const { returned } = await build({}, () => Promise.reject(value));
      expect(returned[0]?.error?.message).not.toBe("");
      expect(returned[0]?.error?.code).not.toBe(0);
    },
  );

  it("tells where in which source it went wrong", async () => {
    const range = { start: { line: 2, character: 0 }, end: { line: 2, character: 4 } };
    const source = { filename: "app.yml", language: "yaml", data: Buffer.from("a\nb"), ranges: [range] };
    const { returned } = await build({}, () => Promise.reject(new SourceError("no such step", [source])));
    const [detail] = returned[0]?.error?.details ?? [];
    expect(detail?.typeUrl).toBe("github.com/moby/buildkit/errdefs.Source+json");
    expect(JSON.parse(new TextDecoder().decode(detail?.value))).toEqual({
      info: { filename: "app.yml", language: "yaml", data: Buffer.from("a\nb").toString("base64") },
      ranges: [range],
    });
  });

  it("passes an error of the daemon on as it came", async () => {
    const evaluate = () => {
      throw new ConnectError("no space left", Code.ResourceExhausted);
    };
    const solve = () => ({ result: { result: { case: "ref" as const, value: { id: "r1" } } } });
    const { returned } = await build({ bridge: { evaluate, solve } }, async (gateway) => {
      const ref = await gateway.solve(scratch().file(mkfile("/f", "x")));
      await ref.evaluate();
    });
    expect(returned[0]?.error).toMatchObject({ code: Code.ResourceExhausted, message: "no space left" });
  });
});

describe("the end of a build function", () => {
  it("comes with the signal when the function does not return", async () => {
    const { returned, thrown } = await build({}, () => new Promise(() => {}), {
      signal: AbortSignal.timeout(50),
    });
    expect(thrown).toMatchObject({ name: "TimeoutError" });
    expect(returned[0]?.error).toBeDefined();
  });

  it("releases containers before the result is returned, and closes the gateway", async () => {
    let kept: Gateway | undefined;
    const { calls } = await build({}, async (gateway) => {
      kept = gateway;
      await gateway.newContainer({ mounts: [{ target: "/" }] });
      return undefined;
    });
    expect(calls).toEqual(["NewContainer", "ReleaseContainer", "Return"]);
    await expect(kept?.inputs()).rejects.toMatchObject({ code: "ERR_BUILDKIT_CLOSED" });
  });
});

describe("capabilities", () => {
  it("are checked before a graph is sent", async () => {
    const { thrown, calls } = await build(
      { llbCapabilities: ["constraints", "platform", "file.base"] },
      (gateway) => gateway.solve(merge([graph, graph.file(mkfile("/g", "y"))])),
    );
    expect(thrown).toMatchObject({ code: "ERR_BUILDKIT_UNSUPPORTED", capability: "mergeop" });
    expect(calls).toEqual(["Return"]);
  });

  it("decide whether a warning can be shown", async () => {
    const shown: boolean[] = [];
    const fn = async (gateway: Gateway) => {
      shown.push(await gateway.warn({ vertex: "sha256:00", short: "careful" }));
    };
    await build({ bridge: { warn: () => ({}) } }, fn);
    await build({ capabilities: ["readfile"] }, fn);
    expect(shown).toEqual([true, false]);
  });

  it("name what is missing", async () => {
    const { thrown } = await build({ capabilities: ["readfile"] }, (gateway) =>
      gateway.newContainer({ mounts: [{ target: "/" }] }).then(() => undefined),
    );
    expect(BuildkitError.is(thrown) && thrown.message).toContain("gateway.exec");
  });
});
