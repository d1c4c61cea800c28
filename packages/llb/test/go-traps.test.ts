import * as llb from "@buildkit-node/llb";
import { describe, expect, it } from "vitest";
import { marshalled, options } from "./support/graphs.ts";

/*
 * What one falls into with Go's builder, tried here one by one; docs/llb-and-go.md lists these differences. Bad input has
 * its tests in errors.test.ts, what waits in resolve.test.ts.
 */

const alpine = llb.image("alpine");

function execOf(state: llb.State) {
  return marshalled(state).vertices.at(-2)?.op.exec;
}

function namesOf(definition: llb.Definition) {
  return definition.vertices.map(({ metadata }) => metadata.description?.get("llb.customname"));
}

describe("settings", () => {
  it("one options object serves several states, each with its own directory", () => {
    const given = { dir: "sub" } as const;
    const dirs = ["/one", "/two"].map((dir) => execOf(alpine.dir(dir).run(["x"], given))?.meta?.cwd);
    expect(dirs).toEqual(["/one/sub", "/two/sub"]);
  });

  it("can all be read, and variables can be removed", () => {
    const state = alpine
      .env({ A: "1", B: "2" })
      .env("A", undefined)
      .user("me")
      .cgroupParent("group")
      .extraHost("db", "10.0.0.1")
      .ulimit({ name: "core", soft: 0, hard: 0 });
    expect(state.settings).toMatchObject({ user: "me", cgroupParent: "group" });
    expect([state.settings.extraHosts.length, state.settings.ulimits.length]).toEqual([1, 1]);
    expect(execOf(state.run(["x"]))?.meta?.env).toEqual(["B=2"]);
    expect(execOf(state.run(["x"], { env: { B: undefined, C: "3" } }))?.meta?.env).toEqual(["C=3"]);
    expect(state.env("A", "again").settings.env.texts).toEqual(["B=2", "A=again"]);
  });

  it("of the group of processes ask for no capability, as daemons from before it was named have it", () => {
    expect([...marshalled(alpine.cgroupParent("g").run(["x"])).caps]).not.toContain(
      "exec.meta.cgroup.parent",
    );
  });
});

describe("marshalling changes nothing", () => {
  it("a description for the whole graph does not carry those of single steps on", () => {
    const state = alpine.run(["x"], { name: "first" }).run(["y"]).file(llb.mkdir("/d"), { name: "last" });
    const definition = llb.marshal(state, { ...options, description: { build: "42" } });
    expect(namesOf(definition)).toEqual([undefined, "first", undefined, "last", undefined]);
  });

  it("capabilities of one marshalling are forgotten in the next", () => {
    const state = alpine.run(["x"]);
    const before = marshalled(state).toBytes();
    const known = llb.marshal(state, { ...options, caps: llb.capabilities });
    expect(known.caps).toContain("exec.meta.setsdefaultpath");
    expect(marshalled(state).toBytes()).toEqual(before);
  });

  it("a platform of one marshalling is forgotten in the next", () => {
    const platforms = ["linux/arm64", "linux/amd64"].map(
      (platform) => llb.marshal(alpine, { ...options, platform }).vertices[0]?.op.platform?.architecture,
    );
    expect(platforms).toEqual(["arm64", "amd64"]);
  });

  it("wants a platform, and takes it from nobody's machine", () => {
    expect(() => llb.marshal(alpine, {} as llb.MarshalOptions)).toThrow(
      expect.objectContaining({ reason: "platform", value: undefined }),
    );
  });
});

describe("commands", () => {
  it("are complete when they are made: using a mount's output changes no other state", () => {
    const exec = alpine.exec(["make"], { mounts: { "/out": llb.scratch() } });
    const before = marshalled(exec.root).digest;
    exec.mounts["/out"].file(llb.mkdir("/more"));
    expect(marshalled(exec.root).digest).toBe(before);
  });

  it("have no outputs but those of their writable mounts", () => {
    const { mounts } = alpine.exec(["x"], {
      mounts: [llb.cache("/c"), llb.tmpfs("/t"), llb.bind("/b", alpine)],
    });
    expect(Object.keys(mounts)).toEqual(["/b"]);
    // @ts-expect-error: a cache is no output
    expect(mounts["/c"]).toBeUndefined();
    // @ts-expect-error: nothing is mounted there
    expect(mounts["/nowhere"]).toBeUndefined();
  });

  it("have secrets as variables without a file, or with one, whatever the order of the options", () => {
    const mountsOf = (mount: llb.Mount) => {
      const { mounts = [], secretEnv = [] } = execOf(alpine.run(["x"], { mounts: [mount] })) ?? {};
      return [mounts.slice(1).map(({ target }) => target), secretEnv.map(({ name }) => name)];
    };
    expect(mountsOf(llb.secret("id", { env: "A" }))).toEqual([[], ["A"]]);
    expect(mountsOf(llb.secret("id", { env: "A", target: "/a" }))).toEqual([["/a"], ["A"]]);
    expect(mountsOf(llb.secret("id", { target: "/a", env: "A" }))).toEqual([["/a"], ["A"]]);
    expect(mountsOf(llb.secret("id"))).toEqual([["/run/secrets/id"], []]);
  });

  it("on platforms of their own are followed by others on the same", () => {
    const state = alpine.run(["x"], { platform: "linux/arm64" }).run(["y"]);
    expect(marshalled(state).vertices.at(-2)?.op.platform?.architecture).toBe("arm64");
  });
});

describe("files", () => {
  it("ask for no capability but the first, whatever they do: the daemon refuses one that it does not list", () => {
    const state = alpine.file([
      llb.symlink("a", "/b"),
      llb.copy(alpine, "/", "/", {
        include: ["x"],
        requiredPaths: ["y"],
        alwaysReplaceExisting: true,
        mode: "u=r",
      }),
    ]);
    const [, file] = marshalled(state).vertices;
    expect([...(file?.metadata.caps ?? [])]).toEqual(["file.base"]);
  });

  it("keep their links in JSON", () => {
    const definition = marshalled(llb.scratch().file(llb.symlink("/old", "/new")));
    expect(JSON.stringify(llb.toJSON(definition))).toContain('"symlink":{"oldPath":"/old","newPath":"/new"');
    expect(llb.fromJSON(llb.toJSON(definition)).digest).toBe(definition.digest);
  });

  it("may come from an empty filesystem, and source files from one too", () => {
    const maps = ["a", "a", "b"].map((data) => llb.sourceMap({ filename: "f", data, state: llb.scratch() }));
    const state = alpine.run(["x"], { locations: maps.map((map) => map.location()) });
    expect(marshalled(state).source?.infos?.map(({ data }) => data)).toHaveLength(2);
  });
});

describe("sources", () => {
  it("over SSH dial nobody while the graph is built", () => {
    const { attrs } = marshalled(llb.git("git@192.0.2.1:repository")).vertices[0]?.op.source ?? {};
    expect(attrs?.has("git.knownsshhosts")).toBe(false);
  });

  it("keep the fragment of a Git address", () => {
    const definition = marshalled(llb.git("https://h/r#main:docs"));
    expect(definition.vertices[0]?.op.source?.identifier).toBe("git://h/r#main:docs");
  });

  it("of one client are the same each time, where an id is given", () => {
    const digests = [1, 2].map(
      () => llb.marshal(llb.local("a", { localUniqueId: "mine" }), { platform: "linux/amd64" }).digest,
    );
    expect(new Set(digests).size).toBe(1);
  });

  it("say at once that a definition is empty, and what stands for it", () => {
    const empty = llb.Definition.fromBytes(marshalled(llb.scratch()).toBytes());
    expect(() => llb.fromDefinition(empty)).toThrow(/use scratch\(\)/);
  });
});
