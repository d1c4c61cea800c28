import * as llb from "@buildkit-node/llb";
import { describe, expect, expectTypeOf, it } from "vitest";
import { marshalled } from "./support/graphs.ts";

const alpine = llb.image("alpine");

/** The exec op that a state ends in. */
function execOf(state: llb.State) {
  const { op } = marshalled(state).vertices.at(-2) ?? {};
  return op?.exec;
}

describe("settings", () => {
  it("hold for what follows, and leave the state before alone", () => {
    const before = alpine.env("A", "1").dir("/app");
    const after = before.env({ B: "2", A: "3" }).dir("src").user("node").hostname("h").network("none");
    expect([...before.settings.env]).toEqual([["A", "1"]]);
    expect(before.settings).toMatchObject({ dir: "/app", user: "", network: "sandbox" });
    expect([...after.settings.env]).toEqual([
      ["B", "2"],
      ["A", "3"],
    ]);
    expect(after.settings).toMatchObject({ dir: "/app/src", user: "node", hostname: "h", network: "none" });
  });

  it("given to a run hold for that run alone", () => {
    const state = alpine
      .env("A", "1")
      .run(["x"], { env: { A: "2", B: "3" }, dir: "/tmp", user: "u", with: (s) => s.env("C", "4") });
    expect(execOf(state)?.meta).toMatchObject({ env: ["A=2", "B=3", "C=4"], cwd: "/tmp", user: "u" });
    expect(execOf(state.run(["y"]))?.meta).toMatchObject({ env: ["A=1"], cwd: "/" });
  });

  it("can be taken from another state, with its directory", () => {
    const other = llb.image("busybox").dir("/other").env("B", "1");
    const state = alpine.dir("/mine").reset(other);
    expect(state.settings).toMatchObject({ dir: "/other" });
    expect(state.output).toBe(alpine.output);
  });

  it("are not reached by options that change later", () => {
    const args = ["echo", "1"];
    const include = ["a"];
    const state = alpine.run(args).file(llb.copy(alpine, "/a", "/b", { include }));
    const before = marshalled(state).digest;
    args.push("2");
    include.push("b");
    expect(marshalled(state).digest).toBe(before);
  });

  it("cost no more than their number", () => {
    let state = alpine;
    for (let at = 0; at < 100_000; at++) {
      state = state.env(`NAME${at % 10}`, `${at}`);
    }
    expect([...state.settings.env].map(([name]) => name)).toHaveLength(10);
    expect(state.settings.env.get("NAME9")).toBe("99999");
  });
});

describe("exec", () => {
  it("has its writable mounts as states, by target", () => {
    const exec = alpine.exec(["make"], { mounts: { "/out": llb.scratch(), "/log": llb.scratch() } });
    expectTypeOf(exec.mounts).toEqualTypeOf<Readonly<Record<"/out" | "/log", llb.State>>>();
    expect(Object.keys(exec.mounts)).toEqual(["/out", "/log"]);
    expect(exec.mounts["/log"].output?.index).toBe(1);
    expect(exec.mounts["/out"].output?.index).toBe(2);
    expect(exec.root.output?.index).toBe(0);
  });

  it("knows from the types which mounts are outputs", () => {
    const exec = alpine.env("A", "1").exec(["make"], {
      mounts: [
        llb.bind("/out", llb.scratch()),
        llb.bind("/src", alpine, { readonly: true }),
        llb.bind("/tmp", alpine, { output: false }),
        llb.cache("/cache"),
        llb.secret("token"),
      ],
    });
    expectTypeOf<keyof typeof exec.mounts>().toEqualTypeOf<"/out">();
    expect(Object.keys(exec.mounts)).toEqual(["/out"]);
    expect([...exec.mounts["/out"].settings.env]).toEqual([]);
    expect([...exec.root.settings.env]).toEqual([["A", "1"]]);
  });

  it("with a read-only root leaves the root as it was", () => {
    expect(alpine.exec(["x"], { readonlyRoot: true }).root.output).toBe(alpine.output);
  });

  it("gives secrets a place when none is named", () => {
    const state = alpine.run(["x"], { mounts: [llb.secret("npmrc"), llb.secret("token", { env: "TOKEN" })] });
    expect(execOf(state)).toMatchObject({
      mounts: [{ target: "/" }, { target: "/run/secrets/npmrc", type: "secret" }],
      secretEnv: [{ id: "token", name: "TOKEN" }],
    });
  });
});

describe("image configs", () => {
  const base = {
    os: "linux",
    architecture: "arm64",
    config: { Env: ["PATH=/bin", "A=1"], Cmd: ["sh"], WorkingDir: "/w" },
  };

  it("go onto a state and come back with what was set since", () => {
    const state = alpine.imageConfig(base).env("A", "2").env("B", "3").user("app");
    expect(state.settings).toMatchObject({ dir: "/w", platform: { os: "linux", architecture: "arm64" } });
    expect(llb.imageConfigOf(state)).toEqual({
      os: "linux",
      architecture: "arm64",
      config: { Env: ["PATH=/bin", "A=2", "B=3"], Cmd: ["sh"], WorkingDir: "/w", User: "app" },
    });
  });

  it("come from a state alone when there is no base", () => {
    expect(llb.imageConfigOf(llb.scratch())).toEqual({ config: {} });
    expect(llb.imageConfigOf(llb.scratch().env("A", "1").dir("/x"), base)).toMatchObject({
      config: { Env: ["PATH=/bin", "A=1"], WorkingDir: "/x", Cmd: ["sh"] },
    });
  });
});
