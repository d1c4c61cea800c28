import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { Readable } from "node:stream";
import { promisify } from "node:util";
import {
  type Attachable,
  exporterService,
  fileSend,
  type PolicyCheck,
  policyService,
  type SourcePolicy,
  secretsService,
  sshService,
  streamSink,
  uploadService,
} from "@buildkit-node/session";
import { afterEach, beforeEach, expect, it } from "vitest";
import { buildInSession, type SessionBuild } from "../support/session-build.ts";
import { describeEachDaemon, type Way } from "../support/ways.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), "bk-services-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const sh = (script: string, mount = "") =>
  `FROM scratch\nCOPY busybox /bin/\nRUN ${mount} ["/bin/busybox", "sh", "-c", ${JSON.stringify(script)}]`;

/** Builds, and fails when a step fails: what a step finds out is said by whether it succeeds. */
const check = (way: Way, dockerfile: string, ...attachables: readonly Attachable[]) =>
  buildInSession(way, { dockerfile, attachables, frontendAttrs: { "no-cache": "" } });

describeEachDaemon("secrets", (way) => {
  const read = (expected: string) =>
    sh(`test "$(busybox cat /run/secrets/token)" = ${expected}`, mount("required=true"));
  const mount = (option: string) => `--mount=type=secret,id=token,${option}`;

  it("reach the step that mounts them", async () => {
    const file = path.join(dir, "token");
    await writeFile(file, "hunter2");
    for (const token of [{ file }, { env: "TOKEN" }, { value: "hunter2" }, async () => "hunter2"]) {
      await check(
        way,
        read("hunter2"),
        await secretsService({ secrets: { token }, env: { TOKEN: "hunter2" } }),
      );
    }
  });

  it("that nobody has fail the step that needs them, and no other", async () => {
    const service = await secretsService({ secrets: { other: { value: "x" } } });
    await expect(check(way, read("x"), service)).rejects.toMatchObject({
      text: expect.stringContaining("token: not found"),
    });
    await check(way, sh("test ! -e /run/secrets/token", mount("required=false")), service);
  });
});

describeEachDaemon("SSH", (way) => {
  /** A step that runs OpenSSH's `ssh-add`, and the files that it takes. */
  async function sshAdd(args: string, option = ""): Promise<Pick<SessionBuild, "dockerfile" | "files">> {
    const { stdout } = await promisify(execFile)("ldd", ["/usr/bin/ssh-add"]);
    const libraries = [...stdout.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map(([, file]) => file ?? "");
    const loader = libraries.find((file) => file.includes("/ld-")) ?? "";
    const files: Record<string, Uint8Array | string> = { "root/etc/passwd": "root:x:0:0::/:/bin/sh\n" };
    for (const file of ["/usr/bin/ssh-add", ...libraries]) files[`root${file}`] = await readFile(file);
    const run = [
      "/bin/busybox",
      "sh",
      "-c",
      `busybox chmod +x ${loader}; ${loader} /usr/bin/ssh-add ${args}`,
    ];
    return {
      dockerfile: `FROM scratch\nCOPY busybox /bin/\nCOPY root /\nRUN --mount=type=ssh,required=true${option} ${JSON.stringify(run)}`,
      files,
    };
  }
  const run = async (service: Attachable, args: string, option?: string) =>
    buildInSession(way, {
      ...(await sshAdd(args, option)),
      attachables: [service],
      frontendAttrs: { "no-cache": "" },
    });

  async function newKey(): Promise<{ readonly path: string; readonly blob: string }> {
    const key = path.join(dir, "key");
    await promisify(execFile)("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key]);
    return { path: key, blob: (await readFile(`${key}.pub`, "utf8")).split(" ")[1] ?? "" };
  }

  async function withAgent(key: string, use: (socket: string) => Promise<void>): Promise<void> {
    const socket = path.join(dir, "agent.sock");
    const agent = spawn("ssh-agent", ["-D", "-a", socket], { stdio: ["ignore", "pipe", "ignore"] });
    try {
      await once(agent.stdout, "data");
      await promisify(execFile)("ssh-add", [key], { env: { ...process.env, SSH_AUTH_SOCK: socket } });
      await use(socket);
    } finally {
      agent.kill();
    }
  }

  it("key files are an agent in the step that mounts it", async () => {
    const key = await newKey();
    const service = await sshService({ forwards: [{ id: "git", paths: [key.path] }] });
    await run(service, `-L | busybox grep -q ${key.blob}`, ",id=git");
  });

  it("an agent can be used there, and not changed", async () => {
    const key = await newKey();
    await withAgent(key.path, async (socket) => {
      const service = await sshService({ forwards: [{}], env: { SSH_AUTH_SOCK: socket } });
      await run(service, `-L | busybox grep -q ${key.blob}`);
      await expect(run(service, "-D")).rejects.toMatchObject({ text: expect.stringContaining("ssh-add") });
    });
  });

  it("a raw socket passes everything through", async () => {
    const key = await newKey();
    await withAgent(key.path, async (socket) => {
      await run(await sshService({ forwards: [{ paths: [socket], raw: true }] }), "-D");
    });
  });

  it("an agent that nobody forwards fails the step", async () => {
    const key = await newKey();
    await expect(run({ methods: new Map() }, "-L")).rejects.toMatchObject({ code: "ERR_BUILDKIT_STATUS" });
    const other = await sshService({ forwards: [{ id: "other", paths: [key.path] }] });
    await expect(run(other, "-L")).rejects.toMatchObject({ text: expect.stringContaining("no SSH agent") });
  });
});

describeEachDaemon("uploads", (way) => {
  it("are a build's context", async () => {
    await writeFile(path.join(dir, "Dockerfile"), "FROM scratch\nCOPY file /");
    await writeFile(path.join(dir, "file"), Buffer.alloc(5_000_000));
    const tar = spawn("tar", ["-C", dir, "-c", "."], { stdio: ["ignore", "pipe", "inherit"] });
    const uploads = uploadService();
    await buildInSession(way, {
      dockerfile: "",
      attachables: [uploads],
      frontendAttrs: { context: uploads.add(tar.stdout) },
    });
  });

  it("that break off fail the build with their own error", async () => {
    const uploads = uploadService();
    const broken = Readable.from(
      (async function* () {
        yield Buffer.alloc(1024);
        throw new Error("the pipe has burst");
      })(),
    );
    const frontendAttrs = { context: uploads.add(broken) };
    await expect(
      buildInSession(way, { dockerfile: "", attachables: [uploads], frontendAttrs }),
    ).rejects.toMatchObject({
      text: expect.stringContaining("the pipe has burst"),
    });
  });
});

describeEachDaemon("session exporters", (way) => {
  /** Exports to a tar that the session has asked for. */
  async function exportChosen() {
    const sink = streamSink({ dest: path.join(dir, "out.tar") });
    let asked = false;
    let told: Readonly<Record<string, string>> | undefined;
    await buildInSession(way, {
      dockerfile: "FROM scratch\nCOPY busybox /bin/",
      sessionExporters: true,
      attachables: [
        fileSend(new Map([[0, sink]])),
        exporterService({
          find: async () => {
            asked = true;
            return [{ type: "tar", attrs: {} }];
          },
          finalize: async (response) => {
            told = response;
          },
        }),
      ],
    });
    return { asked, told, sink };
  }

  it("are chosen when the result is known", async (context) => {
    const { asked, sink } = await exportChosen();
    if (!asked) context.skip("the daemon does not ask the session for exporters");
    await sink.commit();
    const { stdout } = await promisify(execFile)("tar", ["-tf", path.join(dir, "out.tar")]);
    expect(stdout).toContain("bin/busybox");
  });

  it("are told what was exported", async (context) => {
    const { asked, told } = await exportChosen();
    if (!asked || told === undefined) context.skip("the daemon does not tell what exporters did");
    expect(told).toBeTypeOf("object");
  });
});

describeEachDaemon("source policies", (way) => {
  const remote = "FROM scratch\nADD http://127.0.0.1:1/file /";
  const decide = async (policy: SourcePolicy, dockerfile: string) => {
    const seen: PolicyCheck[] = [];
    const attachables = [
      policyService((asked, options) => {
        seen.push(asked);
        return policy(asked, options);
      }),
    ];
    const build: SessionBuild = {
      dockerfile,
      attachables,
      sourcePolicy: true,
      frontendAttrs: { "no-cache": "" },
    };
    const failure = await buildInSession(way, build).then(
      () => undefined,
      (error: unknown) => error,
    );
    return { seen: seen.map(({ source }) => source.identifier), failure };
  };
  const isHttp = (asked: PolicyCheck) => asked.source.identifier.startsWith("http");

  it("see every source, and may refuse one", async (context) => {
    const { seen, failure } = await decide(
      (asked) => (isHttp(asked) ? { action: "deny", reasons: ["not from there"] } : { action: "allow" }),
      remote,
    );
    if (seen.length === 0) context.skip("the daemon does not ask the session about sources");
    expect(seen).toContain("http://127.0.0.1:1/file");
    expect(failure).toMatchObject({ text: expect.stringMatching(/not allowed by policy|not from there/) });
  });

  it("may put another source in the place of one", async (context) => {
    const { seen } = await decide(
      (asked) =>
        asked.source.identifier === "http://127.0.0.1:1/file"
          ? { action: "convert", source: { identifier: "http://127.0.0.1:2/other" } }
          : { action: "allow" },
      remote,
    );
    if (seen.length === 0) context.skip("the daemon does not ask the session about sources");
    expect(seen).toContain("http://127.0.0.1:2/other");
  });

  it("may ask for more", async (context) => {
    const { seen, failure } = await decide(
      (asked) =>
        isHttp(asked)
          ? { action: "ask", about: { http: { checksum: { algorithm: "sha256" } } } }
          : { action: "allow" },
      remote,
    );
    if (seen.length === 0) context.skip("the daemon does not ask the session about sources");
    expect(failure).toMatchObject({ text: expect.stringContaining("127.0.0.1:1") });
  });
});
