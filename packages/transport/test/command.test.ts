import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { type Behaviour, type StandIns, standIns } from "../../../test/support/stand-ins.ts";
import { CommandError, ConnectError, createDialer, Link, parseAddress } from "../src/index.ts";
import { emptyCall } from "./support/empty-call.ts";
import { answer, listen, listenEngine, listenHttp2 } from "./support/peer.ts";

const programs = ["docker", "podman", "nerdctl", "kubectl", "ssh"];

/** Makes one call through a stand-in. */
async function call(address: string, { surroundings }: StandIns): Promise<void> {
  await using link = await Link.open(address, { surroundings });
  await emptyCall(await link.connection(), "/test/Call");
}

/** The failure of an attempt to connect, which must fail. */
async function failure(address: string, own: StandIns, connectTimeoutMs = 10_000): Promise<ConnectError> {
  const thrown = await Link.open(address, { surroundings: own.surroundings, connectTimeoutMs }).catch(
    (error: unknown) => error,
  );
  if (thrown instanceof ConnectError) return thrown;
  throw new Error("connected, or failed otherwise", { cause: thrown });
}

describe("a way in through a program", () => {
  it.each([
    ["docker-container://builder", "docker", ["exec", "-i", "builder", "buildctl", "dial-stdio"]],
    [
      "docker-container://builder?context=far",
      "docker",
      ["--context=far", "exec", "-i", "builder", "buildctl", "dial-stdio"],
    ],
    ["podman-container://builder", "podman", ["exec", "-i", "builder", "buildctl", "dial-stdio"]],
    [
      "nerdctl-container://builder?namespace=k8s.io",
      "nerdctl",
      ["exec", "--namespace=k8s.io", "-i", "builder", "buildctl", "dial-stdio"],
    ],
    ["kube-pod://buildkitd-0", "kubectl", ["exec", "-i", "buildkitd-0", "--", "buildctl", "dial-stdio"]],
    [
      "kube-pod://buildkitd-0?context=arn:aws:eks:eu:1:cluster/a&namespace=ci&container=main",
      "kubectl",
      [
        "--context=arn:aws:eks:eu:1:cluster/a",
        "--namespace=ci",
        "exec",
        "--container=main",
        "-i",
        "buildkitd-0",
        "--",
        "buildctl",
        "dial-stdio",
      ],
    ],
    ["ssh://host", "ssh", ["-T", "--", "host", "buildctl", "dial-stdio"]],
    [
      "ssh://me@host:2222/run/user/1000/buildkit/buildkitd.sock",
      "ssh",
      [
        "-l",
        "me",
        "-p",
        "2222",
        "-T",
        "--",
        "host",
        "buildctl",
        "--addr=unix:///run/user/1000/buildkit/buildkitd.sock",
        "dial-stdio",
      ],
    ],
  ])("%s", async (address, program, args) => {
    await using peer = await listenHttp2((stream) => answer(stream));
    await using own = await standIns(programs, { relay: peer.path });
    await call(address, own);
    expect(await own.calls()).toMatchObject([{ program, args }]);
    // The link was closed, and its program has ended with that.
    expect(await own.alive()).toEqual([]);
  });

  it.each([
    ["docker://ssh://me@host", ["-l", "me", "-T", "--", "host", "docker", "system", "dial-stdio"]],
    [
      "docker://ssh://host/run/docker.sock",
      ["-T", "--", "host", "docker", "--host=unix:///run/docker.sock", "system", "dial-stdio"],
    ],
  ])("%s", async (address, args) => {
    await using peer = await listenEngine({ apiVersion: "1.51", onStream: (stream) => answer(stream) });
    await using own = await standIns(programs, { relay: peer.path });
    await call(address, own);
    // One pipe to ask for the version of the API, and one that is turned over.
    expect(await own.calls()).toMatchObject([
      { program: "ssh", args },
      { program: "ssh", args },
    ]);
    await expect.poll(() => own.alive()).toEqual([]);
  });
});

describe("a program's end", () => {
  it("is that of the connection, in a group of its own", async () => {
    await using peer = await listenHttp2((stream) => answer(stream));
    await using own = await standIns(programs, { relay: peer.path });
    const link = await Link.open("docker-container://builder", own);
    const [running] = await own.alive();
    expect(process.kill(-running!.pid, 0)).toBe(true);
    await link.close();
    expect(await own.alive()).toEqual([]);
  });

  it("is forced when it does not heed SIGTERM", async () => {
    await using peer = await listenHttp2((stream) => answer(stream));
    await using own = await standIns(programs, { relay: peer.path, ignoreSigterm: true });
    const link = await Link.open("docker-container://builder", own);
    await link.close();
    expect(await own.alive()).toEqual([]);
  });

  it("comes when the attempt to connect is given up", async () => {
    await using own = await standIns(programs, { hang: true });
    const error = await failure("docker-container://builder", own, 1_000);
    expect(error.attempts[0]).toMatchObject({ failure: "timeout" });
    await expect.poll(() => own.alive(), { timeout: 5_000 }).toEqual([]);
  });

  it("comes when the signal aborts, with the signal's reason", async () => {
    await using own = await standIns(programs, { hang: true });
    const abort = new AbortController();
    const opening = Link.open("ssh://host", { ...own, signal: abort.signal });
    opening.catch(() => {});
    await expect.poll(() => own.alive()).toHaveLength(1);
    const reason = new Error("enough");
    abort.abort(reason);
    await expect(opening).rejects.toBe(reason);
    await expect.poll(() => own.alive(), { timeout: 5_000 }).toEqual([]);
  });

  it("loses the connection and says why; the next call starts another", async () => {
    await using peer = await listenHttp2((stream) => answer(stream));
    await using own = await standIns(programs, { relay: peer.path, stderr: "the container was stopped\n" });
    await using link = await Link.open("docker-container://builder", own);
    const connection = await link.connection();
    const [running] = await own.alive();
    process.kill(running!.pid, "SIGKILL");
    await expect.poll(() => connection.lost.aborted).toBe(true);
    expect(connection.lost.reason).toMatchObject({
      code: "ERR_BUILDKIT_CONNECTION_LOST",
      message: expect.stringContaining("was ended by SIGKILL: the container was stopped"),
      cause: { name: "CommandError", signal: "SIGKILL", exitCode: undefined },
    });
    expect(await link.connection()).not.toBe(connection);
    expect(await own.alive()).toHaveLength(1);
  });

  it("does not outlive a process that ends without closing", async () => {
    await using peer = await listenHttp2((stream) => answer(stream));
    await using own = await standIns(programs, { relay: peer.path });
    const program = `
      import { Link } from "@buildkit-node/transport";
      const surroundings = ${JSON.stringify(own.surroundings)};
      await Link.open("docker-container://builder", { surroundings });
    `;
    const child = spawn(
      process.execPath,
      ["--import", "tsx", "--conditions=@buildkit-node/source", "--input-type=module", "-e", program],
      { cwd: import.meta.dirname, stdio: "inherit" },
    );
    const [code] = await once(child, "exit");
    // An idle connection has let it end.
    expect(code).toBe(0);
    expect(await own.calls()).toHaveLength(1);
    await expect.poll(() => own.alive()).toEqual([]);
  });
});

describe("a program's failure", () => {
  const failing: Behaviour = { exit: 1, stderr: "\x1b[31mError: No such container: builder\x1b[0m\r\n" };

  it("is told with its stderr, and with what to do", async () => {
    await using own = await standIns(programs, failing);
    const error = await failure("docker-container://builder", own);
    expect(error.message).toBe(
      'cannot connect to docker-container://builder: "docker exec -i builder buildctl dial-stdio" ended with exit ' +
        "code 1: Error: No such container: builder; check that docker finds builder running, with buildctl and a " +
        "buildkitd in it",
    );
    expect(error.attempts[0]?.failure).toBe("command-failed");
    expect(error.cause).toBeInstanceOf(CommandError);
    expect(error.cause).toMatchObject({ exitCode: 1, stderr: "Error: No such container: builder" });
  });

  it("is told for an engine over ssh too", async () => {
    await using own = await standIns(programs, { exit: 255, stderr: "Host key verification failed.\n" });
    const error = await failure("docker://ssh://host", own);
    expect(error.message).toContain(
      "exit code 255: Host key verification failed.; check that ssh reaches host",
    );
    expect(error.attempts[0]).toMatchObject({ address: "docker://ssh://host", failure: "command-failed" });
  });

  it("keeps the end of a long stderr", async () => {
    await using own = await standIns(programs, { exit: 2, stderr: `${"warning\n".repeat(5000)}the reason` });
    const error = await failure("podman-container://builder", own);
    expect(error.message).toContain("the reason");
    expect(error.message.length).toBeLessThan(5000);
  });

  it("names the program that is not there", async () => {
    await using own = await standIns(["docker"], failing);
    const error = await failure("kube-pod://builder", own);
    expect(error.attempts[0]).toMatchObject({
      failure: "command-missing",
      problem: "the program kubectl cannot be run",
      advice: "install kubectl, and check that it is on PATH",
    });
    expect(error.cause).toMatchObject({ cause: { code: "ENOENT" } });
  });

  it("is not one that a name can bring about", async () => {
    await using own = await standIns(programs, failing);
    const made = { kind: "docker-container", container: "--privileged" } as const;
    await expect(createDialer(made, own)).rejects.toThrow('"--privileged" cannot be the container');
    expect(await own.calls()).toEqual([]);
  });
});

describe("a program's pipe", () => {
  it("carries much both ways, and ends when the other side does", async () => {
    await using peer = await listen((socket) => void socket.pipe(socket));
    await using own = await standIns(programs, { relay: peer.path });
    const pipe = await (await createDialer(parseAddress("ssh://host"), own)).dial();
    const sent = Buffer.alloc(32 * 1024 * 1024, "0123456789abcdef");
    pipe.end(sent);
    const chunks: Buffer[] = [];
    for await (const chunk of pipe) chunks.push(chunk);
    expect(Buffer.concat(chunks).equals(sent)).toBe(true);
  });
});
