import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ConnectError, ConnectionLostError, Link } from "../src/index.ts";
import { answer, listenEngine, listenHttp2 } from "./support/peer.ts";

let directory: string;
const { PATH } = process.env;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "bk-command-"));
  process.env["PATH"] = `${directory}${delimiter}${PATH}`;
});
afterEach(async () => {
  process.env["PATH"] = PATH;
  await rm(directory, { recursive: true });
});

/** Puts a program on PATH; it notes its process and its arguments. */
async function standIn(name: string, body: string): Promise<void> {
  const note = `require("fs").writeFileSync(${JSON.stringify(join(directory, "called"))},
    JSON.stringify({ pid: process.pid, args: process.argv.slice(2) }));`;
  await writeFile(join(directory, name), `#!${process.execPath}\n${note}\n${body}\n`);
  await chmod(join(directory, name), 0o755);
}

/** A program that does what the real one would: it leads to a socket. */
const leadsTo = (path: string) => `
  const socket = require("net").connect(${JSON.stringify(path)});
  process.stdin.pipe(socket).pipe(process.stdout);`;

async function called(): Promise<{ readonly pid: number; readonly args: readonly string[] }> {
  return JSON.parse(await readFile(join(directory, "called"), "utf8")) as { pid: number; args: string[] };
}

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function ask(link: Link): Promise<number | undefined> {
  const stream = await (await link.connection()).openStream("/test/Call");
  stream.end();
  return await new Promise((resolve, reject) => {
    stream.once("response", (headers) => resolve(headers[":status"])).once("error", reject);
    stream.resume();
  });
}

describe("addresses that run a program", () => {
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
      ["--namespace=k8s.io", "exec", "-i", "builder", "buildctl", "dial-stdio"],
    ],
    [
      "kube-pod://builder-0?context=c&namespace=n&container=b",
      "kubectl",
      [
        "--context=c",
        "--namespace=n",
        "exec",
        "--container=b",
        "-i",
        "builder-0",
        "--",
        "buildctl",
        "dial-stdio",
      ],
    ],
    [
      "ssh://me@host:2222/run/my%20daemon.sock",
      "ssh",
      [
        ...["-T", "-o", "BatchMode=yes", "-l", "me", "-p", "2222", "--", "host"],
        ...["buildctl", "--addr", "'unix:///run/my daemon.sock'", "dial-stdio"],
      ],
    ],
  ])("%s runs %s", async (address, program, args) => {
    await using peer = await listenHttp2((stream) => answer(stream));
    await standIn(program, leadsTo(peer.path));
    const link = await Link.open(address);
    expect(await ask(link)).toBe(200);
    const call = await called();
    expect(call.args).toEqual(args);
    await link.close();
    await expect.poll(() => runs(call.pid)).toBe(false);
  });

  it("reaches a Docker Engine over ssh", async () => {
    await using peer = await listenEngine({
      apiVersion: "1.47",
      glue: true,
      onStream: (stream) => answer(stream),
    });
    await standIn("ssh", leadsTo(peer.path));
    await using link = await Link.open("docker://ssh://me@host");
    expect(await ask(link)).toBe(200);
    expect((await called()).args.slice(-3)).toEqual(["docker", "system", "dial-stdio"]);
  });

  it("says that the program is not there", async () => {
    process.env["PATH"] = directory;
    const error = await Link.open("podman-container://builder").catch((thrown: unknown) => thrown);
    expect((error as ConnectError).attempts[0]).toMatchObject({
      failure: "not-found",
      problem: "the program podman is not there",
    });
  });

  it("repeats what the program said when it could not connect", async () => {
    await standIn("docker", `process.stderr.write("Error: No such container: builder\\n"); process.exit(1);`);
    await expect(Link.open("docker-container://builder")).rejects.toThrow(
      "docker ended with status 1: Error: No such container: builder",
    );
  });

  it("repeats what the program said when the connection is lost", async () => {
    await using peer = await listenHttp2(() => {});
    await standIn(
      "ssh",
      `${leadsTo(peer.path)}
      setTimeout(() => { process.stderr.write("client_loop: send disconnect"); process.exit(255); }, 300);`,
    );
    await using link = await Link.open("ssh://host");
    const connection = await link.connection();
    await expect.poll(() => connection.usable).toBe(false);
    expect(connection.lost.reason).toBeInstanceOf(ConnectionLostError);
    expect(String(connection.lost.reason)).toContain(
      "ssh ended with status 255: client_loop: send disconnect",
    );
  });

  it("ends a program that does not end by itself", async () => {
    await standIn("podman", `process.on("SIGTERM", () => {}); setInterval(() => {}, 1000);`);
    await expect(Link.open("podman-container://b", { connectTimeoutMs: 500 })).rejects.toThrow(
      "within 500 ms",
    );
    const { pid } = await called();
    await expect.poll(() => runs(pid), { timeout: 8000 }).toBe(false);
  });
});
