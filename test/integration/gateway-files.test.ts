import { connect, type SolveOptions } from "@buildkit-node/control";
import { type Gateway, imageResult, type Reference } from "@buildkit-node/gateway";
import { copy, marshal, mkfile, type State, scratch } from "@buildkit-node/llb";
import { beforeAll, expect, it } from "vitest";
import { type TestRoot, testRoot } from "../support/test-root.ts";
import { describeEachDaemon } from "../support/ways.ts";

describeEachDaemon("a build function", (way) => {
  let root: TestRoot;
  beforeAll(async () => {
    root = await testRoot();
  });

  /** Runs `use` within a build and gives what it returned. */
  async function inBuild<T>(use: (gateway: Gateway) => Promise<T>, options: SolveOptions = {}): Promise<T> {
    await using client = await connect(way.address);
    const results: T[] = [];
    await client.solve(
      async (gateway) => {
        results.push(await use(gateway));
      },
      { locals: root.locals, internal: true, ...options },
    );
    return results[0] as T;
  }

  const sh = (command: string): State => root.state.run(["/bin/sh", "-c", command]);

  it("reads the files that a step has made", async () => {
    const made = sh(
      "mkdir -p /d/e && echo hello >/d/e/f && ln -s e/f /d/link && ln -s /nowhere /d/broken && chmod 4750 /d/e/f",
    );
    await inBuild(async (gateway) => {
      const ref = await gateway.solve(made);
      const text = async (path: string) => new TextDecoder().decode(await ref.readFile(path));
      expect(await text("/d/e/f")).toBe("hello\n");
      expect(await text("d/link")).toBe("hello\n");
      expect(new TextDecoder().decode(await ref.readFile("/d/e/f", { offset: 1, length: 3 }))).toBe("ell");
      expect(await ref.readFile("/d/e/f", { offset: 100 })).toHaveLength(0);
      expect(await ref.statFile("/d/link")).toMatchObject({ kind: "file", name: "f" });
      const links = (await ref.readDir("/d")).filter(({ kind }) => kind === "symlink");
      expect(links.map(({ name, target }) => [name, target])).toEqual([
        ["broken", "/nowhere"],
        ["link", "e/f"],
      ]);
      expect(await ref.statFile("/d/e/f")).toMatchObject({ kind: "file", mode: 0o4750, size: 6, uid: 0 });
      const found: string[] = [];
      for await (const { path } of ref.walk("/d")) found.push(path);
      expect(found).toEqual(["d/broken", "d/e", "d/e/f", "d/link"]);
      expect((await ref.readDir("/d", { include: "l*" })).map(({ name }) => name)).toEqual(["link"]);
    });
  });

  it("reads a file larger than any message", async () => {
    const bytes = 40 * 1024 * 1024 + 5;
    const made = sh(`head -c ${bytes} /dev/zero >/big && echo end >>/big`);
    await inBuild(async (gateway) => {
      const ref = await gateway.solve(made, { evaluate: true });
      let total = 0;
      let last: Uint8Array = new Uint8Array();
      for await (const piece of ref.streamFile("/big")) {
        total += piece.length;
        last = piece;
      }
      expect(total).toBe(bytes + 4);
      expect(new TextDecoder().decode(last.subarray(-4))).toBe("end\n");
    });
  });

  it("is told what cannot be read", async () => {
    await inBuild(async (gateway) => {
      const ref = await gateway.solve(sh("mkdir /d && ln -s /nowhere /broken && touch /empty"));
      const problems: [string, (ref: Reference) => Promise<unknown>, string][] = [
        ["missing", (r) => r.readFile("/nope"), "/nope"],
        ["missing", (r) => r.readFile("/broken"), "/broken"],
        ["not-a-file", (r) => r.readFile("/d"), "/d"],
        ["missing", (r) => r.statFile("/nope/x"), "/nope/x"],
        ["missing", (r) => r.readDir("/nope"), "/nope"],
        ["not-a-directory", (r) => r.readDir("/empty"), "/empty"],
      ];
      for (const [problem, read, path] of problems) {
        await expect(read(ref), path).rejects.toMatchObject({ code: "ERR_BUILDKIT_FILE", problem, path });
      }
      expect(await ref.readFile("/empty")).toHaveLength(0);
    });
  });

  it("meets a step's failure where it needs the step", async () => {
    await inBuild(async (gateway) => {
      const lazy = await gateway.solve(sh("echo working; exit 3"));
      for (const use of [() => lazy.evaluate(), () => lazy.readFile("/x"), () => lazy.readDir()]) {
        await expect(use()).rejects.toMatchObject({ code: "ERR_BUILDKIT_SOLVE", exitCode: 3 });
      }
      await expect(gateway.solve(sh("exit 4"), { evaluate: true })).rejects.toMatchObject({ exitCode: 4 });
    });
  });

  it("builds upon a result, and gives states for inputs", async () => {
    await inBuild(async (gateway) => {
      const ref = await gateway.solve(sh("echo one >/f"));
      const more = await gateway.solve(ref.toState().file(copy(ref.toState(), "/f", "/g")));
      expect(new TextDecoder().decode(await more.readFile("/g"))).toBe("one\n");
      const empty = await gateway.solve(scratch());
      expect(empty.toState().output).toBeUndefined();
    });
  });

  it("runs the daemon's own Dockerfile frontend on its inputs", async () => {
    const dockerfile = scratch().file(mkfile("/Dockerfile", "FROM scratch\nCOPY f /copied\nENV A=b\n"));
    await inBuild(async (gateway) => {
      const result = await gateway.solveFrontend({
        frontend: "dockerfile.v0",
        inputs: { context: scratch().file(mkfile("/f", "text")), dockerfile },
      });
      expect(new TextDecoder().decode(await result.ref?.readFile("/copied"))).toBe("text");
      const config = JSON.parse(new TextDecoder().decode(result.metadata.get("containerimage.config")));
      expect(config.config.Env).toContain("A=b");
      await expect(
        gateway.solveFrontend({
          frontend: "dockerfile.v0",
          options: { target: "nope" },
          inputs: { dockerfile },
        }),
      ).rejects.toThrow("nope");
    });
  });

  it("returns files, metadata, or its error", async () => {
    await using client = await connect(way.address);
    const options = { locals: root.locals };
    const mine = new TypeError("my fault");
    await expect(client.solve(() => Promise.reject(mine), options)).rejects.toBe(mine);
    const { response } = await client.solve(
      () => imageResult([{ ref: scratch() }], { metadata: { "frontend.answer": "42" } }),
      options,
    );
    expect(response["frontend.answer"]).toBe("42");
    const failing = client.solve(async (gateway) => {
      await gateway.solve(sh("echo last words; exit 5"), { evaluate: true });
    }, options);
    await expect(failing).rejects.toMatchObject({
      code: "ERR_BUILDKIT_SOLVE",
      exitCode: 5,
      logs: ["last words"],
    });
    // The daemon is as well as before.
    await client.solve(() => {}, options);
  });

  it("shows warnings at a place in a source", async () => {
    await using client = await connect(way.address);
    const source = { filename: "app.yml", language: "YAML", data: new TextEncoder().encode("a\nb\n") };
    const ranges = [{ start: { line: 2, character: 0 }, end: { line: 2, character: 1 } }];
    const build = client.start(
      async (gateway) => {
        const ref = await gateway.solve(sh("true"), { evaluate: true });
        const { head = "" } = marshal(ref.toState(), { platform: gateway.platform });
        await gateway.warn({ vertex: head, short: "careful", detail: ["very"], source, ranges });
      },
      { locals: root.locals },
    );
    const warnings: unknown[] = [];
    for await (const event of build.events()) if (event.kind === "warning") warnings.push(event.warning);
    await build.result;
    expect(warnings).toMatchObject([{ short: "careful", detail: ["very"], source, ranges }]);
  });

  it("that never returns ends with its signal", async () => {
    await using client = await connect(way.address);
    const build = client.solve(() => new Promise(() => {}), { signal: AbortSignal.timeout(300) });
    await expect(build).rejects.toMatchObject({ name: "TimeoutError" });
  });

  it("cannot return what is not of this build", async () => {
    const foreign = await inBuild((gateway) => gateway.solve(sh("echo x >/x")));
    await expect(
      inBuild((gateway) => gateway.solve(scratch()).then(() => foreign.readFile("/x"))),
    ).rejects.toMatchObject({
      code: "ERR_BUILDKIT_CLOSED",
    });
    await using client = await connect(way.address);
    await expect(client.solve(() => foreign, { locals: root.locals })).rejects.toMatchObject({
      code: "ERR_BUILDKIT_INVALID_ARGUMENT",
      argument: "result",
    });
    await client.listWorkers();
  });
});
