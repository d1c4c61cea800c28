import { type Client, connect } from "@buildkit-node/control";
import type { Container, Gateway, Reference, RunResult } from "@buildkit-node/gateway";
import { randomId } from "@buildkit-node/transport/internal";
import { afterAll, beforeAll, expect, it } from "vitest";
import { needsCapability } from "../support/capabilities.ts";
import { runManyProcesses } from "../support/many-processes.ts";
import { type TestRoot, testRoot } from "../support/test-root.ts";
import { describeEachDaemon } from "../support/ways.ts";

describeEachDaemon("containers of a build", (way) => {
  let client: Client;
  let root: TestRoot;
  beforeAll(async () => {
    client = await connect(way.address);
    root = await testRoot();
  });
  afterAll(() => client.close());

  async function inBuild(
    use: (gateway: Gateway, ref: Reference) => Promise<void>,
    secrets: Readonly<Record<string, { readonly value: string }>> = {},
  ): Promise<void> {
    await client.solve(
      async (gateway) => {
        await use(gateway, await gateway.solve(root.state));
      },
      { locals: root.locals, secrets, internal: true },
    );
  }

  const env = { PATH: "/bin" };
  const text = ({ stdout }: RunResult) => new TextDecoder().decode(stdout);
  const sh = (command: string) => ({ args: ["/bin/sh", "-c", command], env });

  /** A container that lives as long as it is not closed: its first process waits. */
  async function waiting(gateway: Gateway, ref: Reference): Promise<Container> {
    const container = await gateway.newContainer({ mounts: [{ target: "/", ref }] });
    await container.start({ args: ["/bin/sleep", "300"], env });
    return container;
  }

  it("run processes one after another, on the same files", async () => {
    await inBuild(async (gateway, ref) => {
      await using container = await waiting(gateway, ref);
      expect(await container.run(sh("echo one >/f; echo out; echo err >&2"))).toMatchObject({ code: 0 });
      expect(text(await container.run({ args: ["/bin/cat", "/f", "-"], env, input: "two" }))).toBe(
        "one\ntwo",
      );
      const told = await container.run({
        args: ["/bin/sh", "-c", "pwd; echo $(id -u):$(id -g); echo $A"],
        env: { ...env, A: "=b" },
        cwd: "/bin",
        user: "7:8",
      });
      expect(text(told)).toBe("/bin\n7:8\n=b\n");
    });
  });

  it("tell the code of a process, and end with one that fails", async () => {
    await inBuild(async (gateway, ref) => {
      await using container = await waiting(gateway, ref);
      expect(await container.run(sh("exit 7"))).toMatchObject({ code: 7 });
      await expect(container.start(sh("true"))).rejects.toThrow("exited with the code 7");
      for (const code of [0, 1, 255]) {
        await using one = await gateway.newContainer({ mounts: [{ target: "/", ref }] });
        expect(await one.run(sh(`exit ${code}`))).toMatchObject({ code });
        await expect(one.start(sh("true"))).rejects.toThrow("has ended");
      }
    });
  });

  it("give a process a terminal that can be resized", async () => {
    await inBuild(async (gateway, ref) => {
      await using container = await waiting(gateway, ref);
      const process = await container.start({
        // The daemon sets the size of a terminal whose process runs already.
        ...sh(
          "until stty size 2>&1 | grep '30 100'; do sleep 0.05; done; " +
            "until stty size 2>&1 | grep '40 50'; do sleep 0.05; done; read x; echo got $x; [ -t 0 ]",
        ),
        stdin: true,
        tty: { rows: 30, columns: 100 },
      });
      let seen = "";
      for await (const piece of process.stdout) {
        seen += String(piece);
        if (seen === "30 100\r\n") {
          process.resize({ rows: 40, columns: 50 });
          process.stdin?.end("go\n");
        }
      }
      expect(seen).toContain("got go\r\n");
      expect(await process.exited).toMatchObject({ code: 0 });
    });
  });

  it("pass signals on", async (context) => {
    await needsCapability(context, client, "gateway.exec.signals");
    await inBuild(async (gateway, ref) => {
      await using container = await waiting(gateway, ref);
      const trap = await container.start(
        sh("trap 'echo caught; exit 0' TERM; echo ready; while :; do sleep 0.1; done"),
      );
      const lines: string[] = [];
      for await (const piece of trap.stdout) {
        lines.push(String(piece));
        if (lines.join("") === "ready\n") trap.kill("SIGTERM");
      }
      expect(lines.join("")).toBe("ready\ncaught\n");
      expect(await trap.exited).toMatchObject({ code: 0 });
      const deaf = await container.start(sh("trap '' TERM; echo ready; while :; do sleep 0.1; done"));
      await new Promise((resolve) => deaf.stdout.once("data", resolve));
      deaf.kill("SIGTERM");
      deaf.kill("KILL");
      expect(await deaf.exited).toMatchObject({ code: 137 });
    });
  });

  it("kill a process that waits for input", async (context) => {
    await needsCapability(context, client, "gateway.exec.signals");
    await inBuild(async (gateway, ref) => {
      await using container = await waiting(gateway, ref);
      const process = await container.start({ ...sh("echo ready; read x"), stdin: true });
      await new Promise((resolve) => process.stdout.once("data", resolve));
      process.kill("SIGKILL");
      expect(await process.exited).toMatchObject({ code: 137 });
    });
  });

  it("move data without limit, both ways", async () => {
    await inBuild(async (gateway, ref) => {
      await using container = await waiting(gateway, ref);
      const bytes = 24 * 1024 * 1024;
      const process = await container.start({ args: ["/bin/cat"], env, stdin: true });
      process.stdin?.end(Buffer.alloc(bytes, "x"));
      let total = 0;
      for await (const piece of process.stdout) total += (piece as Buffer).length;
      expect([total, await process.exited]).toEqual([bytes, { code: 0, text: "" }]);
    });
  });

  it("hold nobody up by a process whose output nobody reads, or that does not read", async () => {
    await inBuild(async (gateway, ref) => {
      await using container = await waiting(gateway, ref);
      const unread = await container.start(sh("yes"));
      const deaf = await container.start({ args: ["/bin/sleep", "300"], env, stdin: true });
      deaf.stdin?.on("error", () => {}).write(Buffer.alloc(4 * 1024 * 1024));
      for (let turn = 0; turn < 5; turn++)
        expect(text(await container.run(sh(`echo ${turn}`)))).toBe(`${turn}\n`);
      await container.close();
      unread.stdout.resume();
      expect((await unread.exited).code).not.toBe(0);
      expect((await deaf.exited).code).not.toBe(0);
    });
  });

  it("end a process that writes to one that is gone, and one whose signal aborts", async () => {
    await inBuild(async (gateway, ref) => {
      await using container = await waiting(gateway, ref);
      const early = await container.run({ ...sh("head -c 5"), input: Buffer.alloc(1024 * 1024, "y") });
      expect([text(early), early.code]).toEqual(["yyyyy", 0]);
      const abort = new AbortController();
      const process = await container.start({
        ...sh("trap '' TERM; while :; do sleep 0.1; done"),
        signal: abort.signal,
      });
      abort.abort();
      expect((await process.exited).code).not.toBe(0);
    });
  });

  it("mount caches, memory and secrets", async (context) => {
    await needsCapability(context, client, "gateway.exec.secretenv");
    await inBuild(
      async (gateway, ref) => {
        const id = randomId();
        for (const expected of ["", "kept\n"]) {
          await using container = await gateway.newContainer({
            mounts: [
              { target: "/", ref },
              { target: "/cache", type: "cache", id },
              { target: "/tmp", type: "tmpfs" },
              { target: "/secret", type: "secret", id: "token" },
            ],
          });
          const script =
            "cat /cache/f 2>/dev/null; echo kept >/cache/f; cat /secret >&2; echo $TOKEN >&2; echo x >/tmp/x";
          const { stdout, stderr, code } = await container.run({
            ...sh(script),
            secretEnv: { TOKEN: { id: "token" } },
          });
          expect([String(stdout), String(stderr), code]).toEqual([expected, "s3crets3cret\n", 0]);
        }
      },
      { token: { value: "s3cret" } },
    );
  });

  it("are refused with a reason", async (context) => {
    await needsCapability(context, client, "gateway.exec.secretenv");
    await inBuild(
      async (gateway, ref) => {
        await expect(gateway.newContainer({ mounts: [] })).rejects.toMatchObject({ argument: "mounts" });
        const lacking = {
          mounts: [
            { target: "/", ref },
            { target: "/s", type: "secret" as const, id: "none" },
          ],
        };
        await expect(gateway.newContainer(lacking)).rejects.toMatchObject({ code: "ERR_BUILDKIT_CONTAINER" });
        await using container = await gateway.newContainer({ mounts: [{ target: "/", ref }] });
        const started = container.start({ ...sh("true"), secretEnv: { A: { id: "none" } } });
        await expect(started).rejects.toThrow(/none.*not found/);
        await using missing = await gateway.newContainer({ mounts: [{ target: "/", ref }] });
        const { code, stderr } = await missing.run({ args: ["/nope"], env });
        expect([code, String(stderr)]).toEqual([1, expect.stringContaining("/nope")]);
        await using stranger = await gateway.newContainer({ mounts: [{ target: "/", ref }] });
        await expect(stranger.run({ ...sh("true"), user: "nobody-here" })).rejects.toMatchObject({
          code: "ERR_BUILDKIT_CONTAINER",
          message: expect.stringContaining("nobody-here"),
        });
      },
      { token: { value: "x" } },
    );
  });

  it("read their files without a process", async (context) => {
    await needsCapability(context, client, "gateway.exec.filesystem");
    await inBuild(async (gateway, ref) => {
      await using container = await waiting(gateway, ref);
      await container.run(sh("mkdir /d && echo text >/d/f"));
      expect(new TextDecoder().decode(await container.readFile("/d/f"))).toBe("text\n");
      expect((await container.readDir("/d")).map(({ name }) => name)).toEqual(["f"]);
      expect(await container.statFile("/d")).toMatchObject({ kind: "directory" });
      await expect(container.readFile("/nope")).rejects.toMatchObject({ problem: "missing" });
    });
  });

  it("show a failed step as it left things, and as it found them", async () => {
    await inBuild(async (gateway) => {
      const step = root.state
        .dir("/place")
        .run(["/bin/sh", "-c", "echo half >left; exit 9"], { env: { A: "b" } });
      const error: unknown = await gateway.solve(step, { evaluate: true }).then(
        () => undefined,
        (thrown) => thrown,
      );
      expect(error).toMatchObject({ exitCode: 9 });
      const { cwd, args, env: variables } = gateway.failedProcess(error);
      expect([cwd, args[0], variables["A"]]).toEqual(["/place", "/bin/sh", "b"]);
      const look = async (state: "after" | "before") => {
        await using container = await gateway.debug(error, { state });
        return await container.run(sh("cat /place/left"));
      };
      expect(text(await look("after"))).toBe("half\n");
      expect((await look("before")).code).toBe(1);
    });
  });

  it("keep many processes apart, whoever speaks", async () => {
    expect(await runManyProcesses(client, { containers: 4, perContainer: 10 })).toBe(40);
  });
});
