import { execFile, spawn, spawnSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { SSH } from "@buildkit-node/proto/ssh";
import { parseSshForward, type SshForward, sshService } from "@buildkit-node/session";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { bridgeAgent } from "./support/agent-bridge.ts";
import { callServices, openCall, type ServicePeer } from "./support/service-peer.ts";

const hasOpenssh = spawnSync("ssh-keygen", ["-?"]).error === undefined;

let dir: string;
let open: AsyncDisposable[];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "ssh-"));
  open = [];
});
afterEach(async () => {
  for (const resource of open.reverse()) await resource[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

async function serve(
  forwards: readonly SshForward[],
  env: Readonly<Record<string, string>> = {},
): Promise<ServicePeer> {
  const peer = await callServices(await sshService({ forwards, env }));
  open.push(peer);
  return peer;
}

/** A socket that is to a build what `RUN --mount=type=ssh` gives it. */
async function socketInBuild(peer: ServicePeer, id?: string): Promise<string> {
  const path = join(dir, `build-${open.length}.sock`);
  open.push(await bridgeAgent(peer, path, id));
  return path;
}

async function listen(path: string, onConnection: Parameters<typeof createServer>[1]): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, onConnection);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  open.push({ [Symbol.asyncDispose]: async () => void server.close() });
  return server;
}

describe("a forward as text", () => {
  it.each([
    ["default", { id: "default" }],
    ["git=/run/agent.sock", { id: "git", paths: ["/run/agent.sock"], raw: false }],
    ["git=/run/agent.sock,raw=true", { id: "git", paths: ["/run/agent.sock"], raw: true }],
    ["keys=a,b=c", { id: "keys", paths: ["a", "b=c"], raw: false }],
    ["empty=", { id: "empty", paths: [""], raw: false }],
  ])("%s is understood", (text, forward) => {
    expect(parseSshForward(text)).toEqual(forward);
  });

  it.each(["", "=path", "id=path,raw=maybe"])("%j is refused", (text) => {
    expect(() => parseSshForward(text)).toThrow(expect.objectContaining({ argument: "ssh", value: text }));
  });
});

describe("what cannot be forwarded", () => {
  const refusal = (forward: SshForward, env: Readonly<Record<string, string>> = {}) =>
    sshService({ forwards: [forward], env }).catch((error: unknown) => error);
  const pemFile = async (name: string, pem: string) => {
    await writeFile(join(dir, name), pem);
    return join(dir, name);
  };

  it("is said before a build starts", async () => {
    await listen(join(dir, "agent.sock"), () => {});
    const socket = join(dir, "agent.sock");
    const { privateKey } = generateKeyPairSync("ed25519");
    const key = await pemFile("key", privateKey.export({ type: "pkcs8", format: "pem" }).toString());
    const invalid = (text: string) => ({
      code: "ERR_BUILDKIT_INVALID_ARGUMENT",
      message: expect.stringContaining(text),
    });
    expect(await refusal({})).toMatchObject(invalid("SSH_AUTH_SOCK"));
    expect(await refusal({ id: "x", paths: [socket, key] })).toMatchObject(invalid("together"));
    expect(await refusal({ id: "x", paths: [key], raw: true })).toMatchObject(invalid("raw"));
    await expect(
      sshService({ forwards: [{ paths: [key] }, { id: "default", paths: [key] }] }),
    ).rejects.toMatchObject(invalid("default is given twice"));
  });

  it("is said with the path, and never with the key", async () => {
    const encrypted = generateKeyPairSync("ed25519").privateKey.export({
      type: "pkcs8",
      format: "pem",
      cipher: "aes-256-cbc",
      passphrase: "secret",
    });
    const dsa = generateKeyPairSync("dsa", { modulusLength: 1024, divisorLength: 160 }).privateKey;
    for (const [path, text] of [
      [join(dir, "absent"), "cannot find"],
      [await pemFile("encrypted", encrypted.toString()), "has a passphrase"],
      [await pemFile("dsa", dsa.export({ type: "pkcs8", format: "pem" }).toString()), "not supported"],
      [
        await pemFile(
          "garbage",
          "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----",
        ),
        "not a private key",
      ],
      [await pemFile("text", "hunter2"), "not a private key"],
    ] as const) {
      const error = await refusal({ paths: [path] });
      expect(error).toMatchObject({ code: "ERR_BUILDKIT_SSH", path, message: expect.stringContaining(text) });
      expect((error as Error).message).not.toContain("hunter2");
    }
    expect(await refusal({}, { SSH_AUTH_SOCK: join(dir, "gone.sock") })).toMatchObject({
      code: "ERR_BUILDKIT_SSH",
    });
  });

  it("is not found under an id that nobody gave", async () => {
    const { privateKey } = generateKeyPairSync("ed25519");
    const key = await pemFile("key", privateKey.export({ type: "pkcs8", format: "pem" }).toString());
    const client = (await serve([{ id: "git", paths: [key] }])).client(SSH);
    await client.checkAgent({ ID: "git" });
    const notFound = { code: "ERR_BUILDKIT_STATUS", status: "NotFound" };
    await expect(client.checkAgent({ ID: "other" })).rejects.toMatchObject(notFound);
    await expect(client.checkAgent({})).rejects.toMatchObject(notFound);
  });
});

describe("a raw socket", () => {
  it("passes bytes both ways, and lets each side end on its own", async () => {
    const path = join(dir, "service.sock");
    await listen(path, (socket) => {
      const heard: Buffer[] = [];
      socket.on("data", (data: Buffer) => heard.push(data));
      socket.on("end", () => socket.end(`heard ${Buffer.concat(heard).length} bytes`));
    });
    const peer = await serve([{ id: "svc", paths: [path], raw: true }]);
    const socket = await socketInBuild(peer, "svc");
    const connection = connect({ path: socket, allowHalfOpen: true });
    connection.end(Buffer.alloc(1_000_000));
    expect(await text(connection)).toBe("heard 1000000 bytes");
  });

  it("that is gone fails the connection with its path", async () => {
    const path = join(dir, "service.sock");
    const server = await listen(path, () => {});
    const peer = await serve([{ paths: [path], raw: true }]);
    await new Promise((resolve) => server.close(resolve));
    const call = await openCall(peer, SSH.method.forwardAgent);
    await expect(call.next()).rejects.toThrow(path);
  });

  it("is let go when the build breaks off", async () => {
    const path = join(dir, "service.sock");
    const connected = new Promise<void>((resolve) => {
      void listen(path, (socket) => {
        socket.on("error", () => {}).on("close", () => resolve());
        socket.write("hello");
        socket.resume().on("end", () => socket.end());
      });
    });
    await expect.poll(() => open.length).toBe(1);
    const call = await openCall(await serve([{ paths: [path], raw: true }]), SSH.method.forwardAgent);
    await call.next();
    call.cancel();
    await connected;
  });
});

describe.runIf(hasOpenssh)("with OpenSSH's own tools", () => {
  const types = [
    ["ed25519"],
    ["rsa", "-b", "2048"],
    ["ecdsa", "-b", "256"],
    ["ecdsa", "-b", "384"],
    ["ecdsa", "-b", "521"],
  ] as const;

  async function keyFile(name: string, type: readonly string[], ...args: readonly string[]): Promise<string> {
    const path = join(dir, name);
    await promisify(execFile)("ssh-keygen", ["-q", "-t", ...type, "-f", path, "-N", "", "-C", name, ...args]);
    return path;
  }

  async function run(socket: string, program: string, ...args: readonly string[]) {
    const options = { env: { ...process.env, SSH_AUTH_SOCK: socket }, timeout: 20_000 };
    const { stdout } = await promisify(execFile)(program, args, options);
    return stdout.trim();
  }

  async function startAgent(): Promise<string> {
    const socket = join(dir, "agent.sock");
    const agent = spawn("ssh-agent", ["-D", "-a", socket], { stdio: ["ignore", "pipe", "ignore"] });
    await once(agent.stdout, "data");
    open.push({
      [Symbol.asyncDispose]: async () => {
        agent.kill();
        await once(agent, "exit");
      },
    });
    return socket;
  }

  it("keys of every kind are listed and sign", async () => {
    const paths = await Promise.all(
      types.flatMap((type, number) => [
        keyFile(`openssh-${number}`, type),
        keyFile(`pem-${number}`, type, "-m", type[0] === "ed25519" ? "PKCS8" : "PEM"),
      ]),
    );
    const socket = await socketInBuild(await serve([{ paths }]));
    const publicKeys = await Promise.all(paths.map((path) => readFile(`${path}.pub`, "utf8")));
    const listed = (await run(socket, "ssh-add", "-L")).split("\n");
    const keyOf = (line: string) => line.split(" ").slice(0, 2).join(" ");
    expect(listed.map(keyOf)).toEqual(publicKeys.map(keyOf));
    // Asks the agent to sign, and checks the signature.
    for (const path of paths) await run(socket, "ssh-add", "-T", `${path}.pub`);
  });

  it("a signature of each RSA hash is taken by a verifier", async () => {
    const path = await keyFile("rsa", ["rsa", "-b", "2048"]);
    const socket = await socketInBuild(await serve([{ paths: [path] }]));
    await writeFile(join(dir, "message"), "a message");
    const allowed = join(dir, "allowed");
    await writeFile(allowed, `me ${await readFile(`${path}.pub`, "utf8")}`);
    for (const hash of ["sha256", "sha512"]) {
      await rm(join(dir, "message.sig"), { force: true });
      const signArgs = ["-Y", "sign", "-q", "-n", "file", "-O", `hashalg=${hash}`, "-f", `${path}.pub`];
      await rm(path, { force: true });
      await run(socket, "ssh-keygen", ...signArgs, join(dir, "message"));
      const verifyArgs = [
        "-Y",
        "verify",
        "-f",
        allowed,
        "-I",
        "me",
        "-n",
        "file",
        "-s",
        join(dir, "message.sig"),
      ];
      const verify = spawnSync("ssh-keygen", verifyArgs, { input: "a message" });
      expect(verify.status).toBe(0);
    }
  });

  it("the agent of keys takes no others and gives none up", async () => {
    const socket = await socketInBuild(await serve([{ paths: [await keyFile("one", ["ed25519"])] }]));
    const other = await keyFile("other", ["ed25519"]);
    await expect(run(socket, "ssh-add", other)).rejects.toThrow();
    await expect(run(socket, "ssh-add", "-D")).rejects.toThrow();
    await expect(run(socket, "ssh-add", "-T", `${other}.pub`)).rejects.toThrow();
    expect((await run(socket, "ssh-add", "-L")).split("\n").length).toBe(1);
  });

  it("an agent's keys can be used but not changed", async () => {
    const agent = await startAgent();
    const path = await keyFile("key", ["ed25519"]);
    await run(agent, "ssh-add", path);
    const socket = await socketInBuild(await serve([{}], { SSH_AUTH_SOCK: agent }));
    expect(await run(socket, "ssh-add", "-L")).toBe((await readFile(`${path}.pub`, "utf8")).trim());
    await run(socket, "ssh-add", "-T", `${path}.pub`);
    const other = await keyFile("other", ["ed25519"]);
    await expect(run(socket, "ssh-add", other)).rejects.toThrow();
    await expect(run(socket, "ssh-add", "-d", `${path}.pub`)).rejects.toThrow();
    await expect(run(socket, "ssh-add", "-D")).rejects.toThrow();
    expect((await run(agent, "ssh-add", "-L")).split("\n").length).toBe(1);
  });

  it("a raw agent can be changed", async () => {
    const agent = await startAgent();
    const socket = await socketInBuild(await serve([{ paths: [agent], raw: true }]));
    await run(socket, "ssh-add", await keyFile("key", ["ed25519"]));
    expect((await run(agent, "ssh-add", "-L")).split("\n").length).toBe(1);
  });

  it("an agent that goes away fails the connection and says which", async () => {
    const path = join(dir, "flaky.sock");
    await listen(path, (socket) => {
      socket.on("error", () => {}).once("data", () => socket.destroy());
    });
    const peer = await serve([{ paths: [path] }]);
    const call = await openCall(peer, SSH.method.forwardAgent);
    call.send(Buffer.from([0x0a, 5, 0, 0, 0, 1, 11]));
    await expect(call.next()).rejects.toThrow(path);
  });

  it("an encrypted key is refused", async () => {
    const path = await keyFile("key", ["ed25519"]);
    await promisify(execFile)("ssh-keygen", ["-q", "-p", "-f", path, "-N", "secret"]);
    await expect(sshService({ forwards: [{ paths: [path] }] })).rejects.toMatchObject({
      code: "ERR_BUILDKIT_SSH",
      message: expect.stringContaining("ssh-add"),
    });
    await mkdir(join(dir, "directory"));
    await expect(sshService({ forwards: [{ paths: [join(dir, "directory")] }] })).rejects.toMatchObject({
      code: "ERR_BUILDKIT_SSH",
    });
  });
});

it("a message that no agent would take ends the connection", async () => {
  const { privateKey } = generateKeyPairSync("ed25519");
  await writeFile(join(dir, "key"), privateKey.export({ type: "pkcs8", format: "pem" }));
  const peer = await serve([{ paths: [join(dir, "key")] }]);
  const call = await openCall(peer, SSH.method.forwardAgent);
  call.send(Buffer.from([0x0a, 4, 0xff, 0xff, 0xff, 0xff]));
  await expect(call.next()).rejects.toThrow("4294967295 bytes");
});
