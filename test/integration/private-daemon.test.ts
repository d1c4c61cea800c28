import { fork } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { connect } from "@buildkit-node/control";
import { BuildkitError, Scope } from "@buildkit-node/core";
import { DaemonError, findOrStartDaemon, startDockerd } from "@buildkit-node/daemon";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { busyboxRoot } from "../../examples/hello/graph.ts";
import { missingProgramFolders, startEngine } from "../../scripts/debian/engines.ts";
import { provideSets } from "../../scripts/debian/provide.ts";
import { describeDaemon } from "../support/describe-daemon.ts";
import { leftoversOf, processes } from "../support/leftovers.ts";
import { describeDestructive } from "../support/ways.ts";

let scope: Scope;
/** A folder of the test's own. */
let folder: string;

beforeEach(async () => {
  scope = new Scope();
  folder = await mkdtemp(path.join(os.tmpdir(), "daemon-test-"));
  scope.defer(() => rm(folder, { recursive: true, force: true }));
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await scope.close();
});

describeDestructive("a private Docker Engine", () => {
  it("answers, has all in one directory, and leaves nothing behind", async () => {
    const engine = scope.use(await startEngine("testing"));
    expect(await describeDaemon(engine.address)).toContain("store overlayfs");
    const bridge = await bridgeOf(engine.directory);
    const found = (await leftoversOf(engine.directory, bridge)).join("\n");
    expect(found).toContain("process ");
    expect(found).toContain("file ");
    expect(found).toContain("bridge ");

    await engine.close();
    await engine.close();
    expect(await engine.exited).toBe(0);
    expect(await leftoversOf(engine.directory, bridge)).toEqual([]);
  });

  it("keeps images by a graph driver when told to", async () => {
    await using engine = await startEngine("classic");
    expect(await describeDaemon(engine.address)).toContain("store graph driver");
  });

  it("shares no bridge with another", async () => {
    await using first = await startEngine("testing");
    await using second = await startEngine("stable");
    const names = await Promise.all([first, second].map((engine) => bridgeOf(engine.directory)));
    expect(new Set(names).size).toBe(2);
  });

  it("leaves nothing behind when it is killed", async () => {
    const engine = scope.use(await startEngine("testing"));
    const bridge = await bridgeOf(engine.directory);
    engine.signal("KILL");
    expect(await engine.exited).toBe(128 + 9);
    await engine.close();
    expect(await leftoversOf(engine.directory, bridge)).toEqual([]);
  });

  it("takes the steps that run along when it is killed", async () => {
    const engine = scope.use(await startEngine("testing"));
    const bridge = await bridgeOf(engine.directory);
    const client = scope.use(await connect(engine.address));
    // A command line that no other process has.
    const seconds = `1000.${process.pid}${Date.now()}`;
    const build = client.start(busyboxRoot().run(["sleep", seconds]), {
      locals: { tools: await toolsFolder() },
    });
    const failure = build.result.catch((error: unknown) => error);
    await vi.waitFor(async () => expect(await processes(`sleep\0${seconds}`)).not.toEqual([]), 20_000);
    engine.signal("KILL");
    expect(await engine.exited).toBe(128 + 9);
    expect(await failure).toBeInstanceOf(BuildkitError);
    expect(await processes(`sleep\0${seconds}`)).toEqual([]);
    await engine.close();
    expect(await leftoversOf(engine.directory, bridge)).toEqual([]);
  });

  it("ends when its owner is killed, and leaves nothing behind", async () => {
    const program = fileURLToPath(new URL("../support/engine-holder.ts", import.meta.url));
    const owner = fork(program, { execArgv: ["--conditions=@buildkit-node/source", "--import", "tsx"] });
    scope.defer(() => void owner.kill("SIGKILL"));
    const [directory] = (await once(owner, "message")) as [string];
    expect(await processes(directory)).not.toEqual([]);
    const bridge = await bridgeOf(directory);
    owner.kill("SIGKILL");
    await vi.waitFor(async () => expect(await leftoversOf(directory, bridge)).toEqual([]), {
      timeout: 20_000,
      interval: 100,
    });
  });

  it("keeps a data root that was given, which serves one engine at a time", async () => {
    const dataRoot = { folder: path.join(folder, "data") };
    const engine = scope.use(await startEngine("testing", { dataRoot }));
    const second = startEngine("testing", { dataRoot });
    await expect(second).rejects.toThrow(`another daemon uses the data root ${dataRoot.folder}`);
    await engine.close();
    expect((await stat(path.join(dataRoot.folder, "buildkit"))).isDirectory()).toBe(true);
    await using again = await startEngine("testing", { dataRoot });
    expect(again.address).not.toBe(engine.address);
  });

  it("keeps its data in memory when told to", async () => {
    await using engine = await startEngine("testing", { dataRoot: "tmpfs" });
    expect(await describeDaemon(engine.address)).toContain("store overlayfs");
    // The memory is mounted where only the engine sees it.
    await expect(stat(path.join(engine.directory, "data", "buildkit"))).rejects.toMatchObject({
      code: "ENOENT",
    });
  });

  it("knows the registries that it was told of", async () => {
    await using engine = await startEngine("testing", {
      registries: { insecure: ["registry.example:5000"], mirrors: ["http://127.0.0.1:5001"] },
    });
    const { RegistryConfig } = (await engineInfo(engine.address)) as {
      RegistryConfig: { IndexConfigs: Record<string, { Secure: boolean }>; Mirrors: string[] };
    };
    expect(RegistryConfig.IndexConfigs["registry.example:5000"]?.Secure).toBe(false);
    expect(RegistryConfig.Mirrors).toEqual(["http://127.0.0.1:5001/"]);
  });
});

describeDestructive("a daemon that does not start", () => {
  it("is an error with the end of the log, which is kept", async () => {
    const programFolders = await fakeDockerd("echo first; echo the reason >&2; exit 3");
    const error = await failureOf(startDockerd({ programFolders, parentDirectory: folder }));
    expect(error).toMatchObject({ code: "ERR_BUILDKIT_DAEMON", program: "dockerd", exitCode: 3 });
    expect(error.message).toContain("dockerd ended with exit code 3 before it answered");
    expect(error.message).toContain("the reason");
    expect(await readFile(error.logFile ?? "", "utf8")).toBe("first\nthe reason\n");
    expect(await leftoversOf(path.dirname(error.logFile ?? ""), await bridgeOf(folder))).toEqual([
      `file ${error.logFile}`,
    ]);
  });

  it("is an error when it does not answer in time, and is killed when it does not stop", async () => {
    const programFolders = await fakeDockerd("trap '' TERM; echo waiting; while :; do sleep 1; done");
    const options = { programFolders, parentDirectory: folder, startTimeoutMs: 500, stopTimeoutMs: 1000 };
    const error = await failureOf(startDockerd(options));
    expect(error.message).toContain("dockerd did not answer within 0.5 s");
    expect(error.log).toMatch(/^waiting\n/);
    expect(await leftoversOf(path.dirname(error.logFile ?? ""), await bridgeOf(folder))).toEqual([
      `file ${error.logFile}`,
    ]);
  });

  it("is given up when the signal aborts", async () => {
    const programFolders = await fakeDockerd("while :; do sleep 1; done");
    const reason = new Error("changed my mind");
    const controller = new AbortController();
    const starting = startDockerd({ programFolders, parentDirectory: folder, signal: controller.signal });
    await vi.waitFor(() => bridgeOf(folder), { timeout: 10_000 });
    controller.abort(reason);
    await expect(starting).rejects.toBe(reason);
    expect(await processes(folder)).toEqual([]);
    expect((await readdir("/sys/class/net")).includes(await bridgeOf(folder))).toBe(false);
  });

  it("is named when it, or what it needs, is not there", async () => {
    vi.stubEnv("PATH", folder);
    await expect(startDockerd()).rejects.toThrow("cannot start a private dockerd: it needs the program");
    const programFolders = ["unshare", "flock", "containerd", "runc", "ip"].map((name) =>
      path.join(folder, name),
    );
    await Promise.all(programFolders.map((file) => writeExecutable(file, "exit 1")));
    await expect(startDockerd()).rejects.toThrow("cannot start a private dockerd: there is none in");
  });

  it("is refused a folder that is too deep for its sockets", async () => {
    const parentDirectory = path.join(folder, "a".repeat(60));
    await mkdir(parentDirectory);
    const programFolders = await fakeDockerd("exit 1");
    await expect(startDockerd({ programFolders, parentDirectory })).rejects.toThrow("too deep");
  });
});

describeDestructive("findOrStartDaemon", () => {
  it("takes the daemon that BUILDKIT_HOST names, which must answer", async () => {
    const engine = scope.use(await startEngine("testing"));
    vi.stubEnv("BUILDKIT_HOST", engine.address);
    const daemon = await findOrStartDaemon();
    expect(daemon).toMatchObject({ origin: "given", address: engine.address });
    await daemon.close();
    expect(await describeDaemon(engine.address)).toContain("overlayfs");

    vi.stubEnv("BUILDKIT_HOST", `unix://${folder}/nobody.sock`);
    await expect(findOrStartDaemon()).rejects.toMatchObject({ code: "ERR_BUILDKIT_CONNECT" });
  });

  it("takes a running Docker Engine, and leaves it running", async () => {
    const engine = scope.use(await startEngine("testing"));
    vi.stubEnv("PATH", folder);
    vi.stubEnv("DOCKER_HOST", engine.address.replace("docker://", "unix://"));
    const daemon = await findOrStartDaemon();
    expect(daemon).toMatchObject({ origin: "found" });
    await daemon.close();
    expect(await describeDaemon(daemon.address)).toContain("overlayfs");

    vi.stubEnv("DOCKER_HOST", `unix://${folder}/nobody.sock`);
    await expect(findOrStartDaemon()).rejects.toMatchObject({ code: "ERR_BUILDKIT_CONNECT" });
  });

  it("prefers a buildkitd of its own to an engine", async () => {
    await writeExecutable(path.join(folder, "runc"), "exit 1");
    await writeExecutable(path.join(folder, "buildkitd"), "echo $0; exit 4");
    const error = await failureOf(findOrStartDaemon({ programFolders: [folder], parentDirectory: folder }));
    expect(error).toMatchObject({ program: "buildkitd", exitCode: 4, log: path.join(folder, "buildkitd") });
  });
});

/** The folder with Debian's static busybox. */
async function toolsFolder(): Promise<string> {
  const { busybox } = await provideSets("busybox");
  return path.join(busybox.root, "bin");
}

/** The name of the bridge in an engine's configuration. */
async function bridgeOf(directory: string): Promise<string> {
  return JSON.parse(await readFile(path.join(directory, "dockerd.json"), "utf8")).bridge;
}

async function failureOf(starting: Promise<unknown>): Promise<DaemonError> {
  const error = await starting.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof DaemonError) return error;
  throw new Error("expected a DaemonError", { cause: error });
}

/** A folder with a program that is called dockerd, and with the others that one needs. It keeps its configuration there. */
async function fakeDockerd(script: string): Promise<string[]> {
  await writeExecutable(path.join(folder, "dockerd"), `cp "$2" '${folder}/dockerd.json'\n${script}`);
  for (const name of ["containerd", "runc"]) await writeExecutable(path.join(folder, name), "exit 1");
  return [folder, ...(await missingProgramFolders())];
}

async function writeExecutable(file: string, script: string): Promise<void> {
  await writeFile(file, `#!/bin/sh\n${script}\n`);
  await chmod(file, 0o755);
}

async function engineInfo(address: string): Promise<unknown> {
  const request = http.get({ socketPath: address.replace("docker://", ""), path: "/info" });
  const [response] = (await once(request, "response")) as [http.IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString());
}
