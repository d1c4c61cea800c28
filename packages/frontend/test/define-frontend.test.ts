import { FileError } from "@buildkit-node/gateway";
import { copy, image, local, scratch } from "@buildkit-node/llb";
import { describe, expect, it } from "vitest";
import { defineFrontend, type Frontend } from "../src/index.ts";
import { type RecordedBuild, type RecordedWorld, recordBuild } from "../src/testing/index.ts";

/** The identifiers and attributes of all sources in a result. */
function sources(build: RecordedBuild, platform = "") {
  const { vertices = [] } = build.results.get(platform)?.definition ?? {};
  return vertices.flatMap(({ op }) =>
    op.source === undefined
      ? []
      : [{ id: op.source.identifier, attrs: Object.fromEntries(op.source.attrs ?? []) }],
  );
}

async function contextOf(world: RecordedWorld, frontend?: Frontend): Promise<RecordedBuild> {
  const build = await recordBuild(
    frontend ?? defineFrontend((_gateway, request) => request.context()),
    world,
  );
  if (build.error !== undefined) throw build.error;
  return build;
}

describe("the context", () => {
  it("is the caller's directory without what its .dockerignore leaves out", async () => {
    const build = await contextOf({ locals: { context: { ".dockerignore": "node_modules\n!a\n" } } });
    expect(sources(build)).toEqual([
      {
        id: "local://context",
        attrs: {
          "local.session": "recorded",
          "local.sharedkeyhint": "context",
          "local.excludepatterns": '["node_modules","!a"]',
        },
      },
    ]);
  });

  it("goes by the input file's own .dockerignore first", async () => {
    const frontend = defineFrontend(async (_gateway, request) => {
      await request.source();
      return request.context();
    });
    const dockerfile = { Dockerfile: "x", "Dockerfile.dockerignore": "own" };
    const build = await contextOf(
      { locals: { context: { ".dockerignore": "general" }, dockerfile } },
      frontend,
    );
    expect(sources(build)[0]?.attrs["local.excludepatterns"]).toBe('["own"]');
  });

  it.each([
    ["https://example.org/x.git#main:sub", "git://example.org/x.git#main:sub"],
    ["git@example.org:x/y.git", "git://example.org/x/y.git"],
    ["github.com/moby/buildkit#v0.1", "git://github.com/moby/buildkit#v0.1"],
    ["https://example.org/x.git?branch=dev&subdir=a", "git://example.org/x.git#refs/heads/dev:a"],
  ])("is a repository: %s", async (context, id) => {
    const build = await contextOf({ options: { context } });
    expect(sources(build).map((one) => one.id)).toEqual([id]);
  });

  it("is LLB that the caller gives, or a part of it", async () => {
    const inputs = { context: image("docker.io/library/base:1") };
    const whole = await contextOf({ inputs });
    expect(sources(whole).map(({ id }) => id)).toEqual(["docker-image://docker.io/library/base:1"]);
    const part = await contextOf({ inputs, options: { contextsubdir: "sub" } });
    const copied = part.results.get("")?.definition.vertices.find(({ op }) => op.file)?.op.file
      ?.actions?.[0]?.copy;
    expect(copied?.src).toBe("/sub");
  });

  it("is served by the session that the caller names", async () => {
    const build = await contextOf({ options: { "local-sessionid:context": "other" } });
    expect(sources(build)[0]?.attrs["local.session"]).toBe("other");
  });
});

describe("the input file", () => {
  const read = (filename?: string) =>
    defineFrontend(
      async (_gateway, request) => {
        const { text } = await request.source();
        throw new Error(text);
      },
      { ...(filename !== undefined && { filename }) },
    );

  it("has the name that the caller gives, else the frontend's", async () => {
    const dockerfile = { "app.yml": "yaml", Dockerfile: "docker", "sub/x": "other" };
    const names: [Frontend, Record<string, string>, string][] = [
      [read(), {}, "docker"],
      [read("app.yml"), {}, "yaml"],
      [read("app.yml"), { filename: "sub/x" }, "other"],
    ];
    for (const [frontend, options, text] of names) {
      const { error } = await recordBuild(frontend, { options, locals: { dockerfile } });
      expect(error).toMatchObject({ message: text });
    }
  });

  it("may be written in lower case", async () => {
    const { error } = await recordBuild(read(), { locals: { dockerfile: { dockerfile: "lower" } } });
    expect(error).toMatchObject({ message: "lower" });
  });

  it("that is missing is an error that names it", async () => {
    const { error } = await recordBuild(read("app.yml"), { locals: { dockerfile: {} } });
    expect(error).toBeInstanceOf(FileError);
    expect(error).toMatchObject({ path: "app.yml", problem: "missing" });
  });

  it("turns offsets into lines, and errors into excerpts", async () => {
    const frontend = defineFrontend(async (_gateway, request) => {
      const file = await request.source();
      throw file.error("no such step", file.span(file.text.indexOf("bad"), file.text.indexOf("bad") + 3));
    });
    const { error } = await recordBuild(frontend, {
      locals: { dockerfile: { Dockerfile: "a\nsteps:\n  bad\n" } },
    });
    expect(error).toMatchObject({
      code: "ERR_BUILDKIT_FRONTEND",
      message: "no such step",
      sources: [
        {
          filename: "Dockerfile",
          ranges: [{ start: { line: 3, character: 2 }, end: { line: 3, character: 5 } }],
        },
      ],
    });
  });
});

describe("images", () => {
  const alpine = {
    os: "linux",
    architecture: "amd64",
    config: { Env: ["A=1"], WorkingDir: "/w", User: "7" },
  };
  const images = {
    "docker.io/library/alpine:latest": { config: alpine, digest: `sha256:${"a".repeat(64)}` },
  };
  const build = (world: RecordedWorld, ref = "alpine") =>
    recordBuild(
      defineFrontend((_gateway, request) =>
        request.build(async (platform) => (await request.image(ref, { platform })).state),
      ),
      world,
    );

  it("are pinned, and bring their config", async () => {
    const result = await build({ images });
    expect(sources(result)[0]?.id).toBe(
      `docker-image://docker.io/library/alpine:latest@sha256:${"a".repeat(64)}`,
    );
    expect(result.results.get("")?.config).toMatchObject({ config: { Env: ["A=1"], WorkingDir: "/w" } });
  });

  it("that do not exist are an error of their own", async () => {
    const { error } = await build({});
    expect(error).toMatchObject({ code: "ERR_BUILDKIT_IMAGE", problem: "not-found" });
  });

  it.each([
    [{ "context:alpine": "docker-image://busybox" }, "docker-image://docker.io/library/busybox:latest"],
    [{ "context:alpine": "local:mine" }, "local://mine"],
    [{ "context:alpine::linux/amd64": "local:amd", "context:alpine": "local:all" }, "local://amd"],
    [{ "context:alpine": "https://example.org/x.git" }, "git://example.org/x.git"],
    [{ "context:alpine": "https://example.org/x.tar" }, "https://example.org/x.tar"],
    [
      { "context:alpine": `oci-layout://store@sha256:${"a".repeat(64)}` },
      /^oci-layout:\/\/docker.io\/library\/alpine@/,
    ],
    [{ "context:alpine": "input:mine" }, "local://given"],
  ])("give way to what the caller puts in their place: %o", async (options, id) => {
    const world = {
      options,
      images: {
        "docker.io/library/busybox:latest": {},
        [`docker.io/library/alpine@sha256:${"a".repeat(64)}`]: {},
      },
    };
    const result = await build({ ...world, inputs: { mine: local("given") } }, "alpine:latest");
    if (result.error !== undefined) throw result.error;
    expect(sources(result)[0]?.id).toEqual(typeof id === "string" ? id : expect.stringMatching(id));
  });

  it("cannot give way to what is not understood", async () => {
    for (const value of ["nothing", "ftp://x", "oci-layout://x", "input:none"]) {
      const { error } = await build({ options: { "context:alpine": value } });
      expect(error).toMatchObject({ code: "ERR_BUILDKIT_INVALID_ARGUMENT", argument: "context:alpine" });
    }
  });
});

describe("request.build", () => {
  it("builds for each platform, with labels and configs", async () => {
    const frontend = defineFrontend((_gateway, request) =>
      request.build((platform) => ({
        ref: scratch(),
        config: { config: { Env: [`ARCH=${platform.architecture}`], Labels: { own: "1" } } },
      })),
    );
    const options = { platform: "linux/amd64,linux/arm64", "label:x": "y" };
    const { results, metadata } = await recordBuild(frontend, { options });
    expect([...results.keys()]).toEqual(["linux/amd64", "linux/arm64"]);
    expect(results.get("linux/arm64")?.config).toEqual({
      os: "linux",
      architecture: "arm64",
      config: { Env: ["ARCH=arm64"], Labels: { own: "1", x: "y" } },
    });
    expect(metadata.has("refs.platforms")).toBe(true);
  });

  it("gives a plain result for the daemon's own platform", async () => {
    const frontend = defineFrontend((_gateway, request) => request.build(() => scratch().env("A", "1")));
    const { results } = await recordBuild(frontend, { platform: "linux/s390x" });
    expect(results.get("")?.config).toMatchObject({ architecture: "s390x", config: { Env: ["A=1"] } });
  });
});

describe("subrequests", () => {
  const frontend = defineFrontend(
    async (_gateway, request) => scratch().file(copy(await request.context(), "a", "/")),
    {
      outline: async (_gateway, request) => {
        const file = await request.source();
        return {
          name: "prod",
          args: [
            {
              name: "VERSION",
              value: "1",
              description: "what to build",
              location: file.location(file.lines(2)),
            },
          ],
          secrets: [{ name: "token", required: true }],
        };
      },
      targets: () => [{ name: "prod", default: true, description: "the program" }, { name: "test" }],
      lint: async (_gateway, request) => {
        const file = await request.source();
        if (file.text.includes("broken")) throw file.error("cannot be read", file.lines(1));
        return file.text.includes("old")
          ? [{ rule: "OldWord", detail: "old is not said any more", location: file.location(file.lines(1)) }]
          : [];
      },
    },
  );
  const ask = async (requestid: string, text = "new\nVERSION\n") => {
    const build = await recordBuild(frontend, {
      options: { requestid },
      locals: { dockerfile: { Dockerfile: text } },
    });
    if (build.error !== undefined) throw build.error;
    const read = (key: string) => new TextDecoder().decode(build.metadata.get(key));
    return {
      json: JSON.parse(read("result.json")),
      text: read("result.txt"),
      status: read("result.statuscode"),
    };
  };

  it("are listed", async () => {
    const { json, text } = await ask("frontend.subrequests.describe");
    expect(json.map(({ name }: { name: string }) => name)).toEqual([
      "frontend.outline",
      "frontend.targets",
      "frontend.lint",
      "frontend.convertllb",
      "frontend.subrequests.describe",
    ]);
    expect(text).toMatch(/^NAME +VERSION +DESCRIPTION\noutline +1\.0\.0 +List/);
  });

  it("tell what a target takes", async () => {
    const { json, text } = await ask("frontend.outline");
    expect(json.args[0]).toEqual({
      name: "VERSION",
      value: "1",
      description: "what to build",
      location: { ranges: [{ start: { line: 2, character: 0 }, end: { line: 2, character: 0 } }] },
    });
    expect(json.sources).toEqual([Buffer.from("new\nVERSION\n").toString("base64")]);
    expect(text).toContain("BUILD ARG  VALUE  DESCRIPTION\nVERSION    1      what to build\n");
  });

  it("tell the targets", async () => {
    const { json, text } = await ask("frontend.targets");
    expect(json.targets).toEqual([
      { name: "prod", default: true, description: "the program" },
      { name: "test" },
    ]);
    expect(text).toContain("prod (default)");
  });

  it("check the input", async () => {
    expect(await ask("frontend.lint")).toMatchObject({ status: "0", json: { warnings: [] } });
    const warned = await ask("frontend.lint", "old\n");
    expect(warned).toMatchObject({ status: "1", json: { warnings: [{ ruleName: "OldWord" }] } });
    expect(warned.text).toContain("Dockerfile:1");
    const broken = await ask("frontend.lint", "broken\n");
    expect(broken).toMatchObject({ status: "1", json: { buildError: { message: "cannot be read" } } });
  });

  it("show the graph", async () => {
    const { json } = await ask("frontend.convertllb");
    const ops = Object.values(json.def) as { source?: { identifier: string } }[];
    expect(ops.map(({ source }) => source?.identifier)).toContain("local://context");
  });

  it("show warnings in each build, too", async () => {
    const dockerfile = { Dockerfile: "old\n" };
    const { warnings } = await recordBuild(frontend, { locals: { dockerfile } });
    expect(warnings).toEqual(["OldWord: old is not said any more"]);
  });

  it.each([
    ["requestid", "frontend.nope", "errdefs.Subrequest+json"],
    ["frontend.caps", "moby.buildkit.frontend.inputs,x.y", "errdefs.FrontendCap+json"],
  ])("that are not known are refused in the way that callers know: %s", async (option, value, type) => {
    const { error } = await recordBuild(frontend, { options: { [option]: value } });
    expect(error).toMatchObject({ status: "Unimplemented", details: [{ type }] });
  });
});
