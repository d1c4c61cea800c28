import { once } from "node:events";
import { createWriteStream } from "node:fs";
import path from "node:path";
import { Scope } from "@buildkit-node/core";
import { startRelay } from "@buildkit-node/daemon";
import { type Build, ConnectionLostError, connect, llb, local } from "buildkit-node";
import { describe, expect, it } from "vitest";
import { startEngine } from "../../scripts/debian/engines.ts";
import { shell, toolsDirectory, toolsRoot, type WorkDirectory, workDirectory } from "../support/tools.ts";
import { describeDestructive } from "../support/ways.ts";

const kinds = ["docker://", "unix relay", "tcp relay"] as const;

/** How long a build may take to notice that its daemon has died. */
const noticeMs = 15_000;

describeDestructive("a daemon that is killed", () => {
  describe.each(kinds)("over %s", (kind) => {
    it.each(["upload", "run", "export"] as const)(
      "during %s: the build says so and does not hang",
      async (phase) => {
        await using scope = new Scope();
        const work = scope.use(await workDirectory());
        const engine = scope.use(await startEngine("testing", { dataRoot: "tmpfs" }));
        const listen = kind === "tcp relay" ? "tcp://127.0.0.1:0" : `unix://${work.in("relay.sock")}`;
        const address =
          kind === "docker://"
            ? engine.address
            : scope.use(await startRelay({ to: engine.address, listen })).address;
        const client = scope.use(await connect(address));
        const { build, reached } = await start[phase](client, work);
        await reached;
        engine.signal("KILL");
        const killed = performance.now();
        await expect(build.result).rejects.toBeInstanceOf(ConnectionLostError);
        expect(performance.now() - killed).toBeLessThan(noticeMs);
        await expect(build.result).rejects.toMatchObject({ code: "ERR_BUILDKIT_CONNECTION_LOST" });
        await build.settled();
        await expect(client.info()).rejects.toMatchObject({ code: expect.stringMatching(/CONNECT/) });
      },
    );
  });
});

interface Started {
  readonly build: Build<unknown>;
  /** Resolves in the middle of the phase. */
  readonly reached: Promise<void>;
}

type Client = Awaited<ReturnType<typeof connect>>;

const start: Record<"upload" | "run" | "export", (client: Client, work: WorkDirectory) => Promise<Started>> =
  {
    async upload(client, work) {
      await writeLarge(work.in("large.bin"), 400);
      const copied = llb.scratch().file(llb.copy(llb.local("context", { include: ["large.bin"] }), "/", "/"));
      const build = client.start(copied, { locals: { context: work.path } });
      return { build, reached: event(build, (e) => e.kind === "progress" && e.status.current > 1e6) };
    },
    async run(client, work) {
      const locals = { tools: await toolsDirectory(work.path) };
      const build = client.start(toolsRoot().run(shell("echo running; sleep 60")), { locals });
      return { build, reached: event(build, (e) => e.kind === "log") };
    },
    async export(client, work) {
      const locals = { tools: await toolsDirectory(work.path) };
      const large = toolsRoot().exec(shell("busybox dd if=/dev/zero of=/out/zero bs=1M count=400"), {
        mounts: { "/out": llb.scratch() },
      }).mounts["/out"];
      const build = client.start(large, { locals, exports: [local({ dest: work.in("dest") })] });
      const exporting = (e: EventOf) =>
        e.kind === "progress" && /copying/.test(e.status.id) && e.status.current > 1e6;
      return { build, reached: event(build, exporting) };
    },
  };

type EventOf = Build<unknown> extends { events(): AsyncIterable<infer Event> } ? Event : never;

/** Resolves with the first event that meets the condition, or with the end of the events. */
async function event(build: Build<unknown>, met: (event: EventOf) => boolean): Promise<void> {
  for await (const each of build.events()) if (met(each)) return;
}

async function writeLarge(file: string, megabytes: number): Promise<void> {
  const stream = createWriteStream(path.resolve(file));
  for (let i = 0; i < megabytes; i++) {
    if (!stream.write(Buffer.alloc(1 << 20, i))) await once(stream, "drain");
  }
  await new Promise<void>((resolve) => stream.end(() => resolve()));
}
