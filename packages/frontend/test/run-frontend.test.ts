import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http2";
import { Duplex, duplexPair } from "node:stream";
import { LLBBridge, type ReturnRequest } from "@buildkit-node/proto/gateway";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { describe, expect, it } from "vitest";
import { defineFrontend, type Frontend, runFrontend } from "../src/index.ts";

/** A daemon at the other end of a frontend's pipe. */
function daemonAt(pipe: Duplex) {
  const returned: ReturnRequest[] = [];
  const headers: (string | null)[] = [];
  const server = createServer(
    connectNodeAdapter({
      routes: (router) => {
        router.service(LLBBridge, {
          ping: (_request, context) => {
            headers.push(context.requestHeader.get("buildkit-controlapi-buildid"));
            return { Workers: [{ ID: "w", platforms: [{ OS: "linux", Architecture: "amd64" }] }] };
          },
          return: (request) => {
            returned.push(request);
            return {};
          },
        });
      },
    }),
  );
  server.emit("connection", pipe);
  return { returned, headers };
}

/** Runs a frontend on one end of a pipe. */
async function run(frontend: Frontend, env: Readonly<Record<string, string>>) {
  const [ours, theirs] = duplexPair();
  const daemon = daemonAt(theirs);
  await runFrontend(frontend, { env, pipe: ours });
  return daemon;
}

/** Runs the source text of a frontend as the process of an image. */
async function runProcess(source: string) {
  const entry = new URL("../src/index.ts", import.meta.url).pathname;
  const program = `import { defineFrontend, runFrontend } from ${JSON.stringify(entry)};
    await runFrontend(defineFrontend(${source}));`;
  const args = [
    "--conditions=@buildkit-node/source",
    "--import=tsx",
    "--input-type=module",
    "--eval",
    program,
  ];
  const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
  const daemon = daemonAt(Duplex.from({ readable: child.stdout, writable: child.stdin }));
  const [code] = await once(child, "exit");
  return { ...daemon, code };
}

describe("runFrontend", () => {
  it("gives the frontend its options, session and product", async () => {
    const seen: unknown[] = [];
    const frontend = defineFrontend((gateway, request) => {
      seen.push(gateway.options, gateway.sessionId, gateway.product, request.target);
      return undefined;
    });
    const { returned, headers } = await run(frontend, {
      BUILDKIT_FRONTEND_OPT_0: "target=prod",
      BUILDKIT_FRONTEND_OPT_17: "build-arg:A=b=c",
      BUILDKIT_SESSION_ID: "s1",
      BUILDKIT_EXPORTEDPRODUCT: "docker",
      PATH: "/bin",
    });
    expect(seen).toEqual([{ target: "prod", "build-arg:A": "b=c" }, "s1", "docker", "prod"]);
    expect(returned).toHaveLength(1);
    expect(returned[0]?.result).toBeDefined();
    expect(headers).toEqual([null]);
  });

  it("tells the daemon why it failed, and exits as if nothing had happened", async () => {
    const frontend = defineFrontend(() => Promise.reject(new Error("my fault")));
    const { returned } = await run(frontend, {});
    expect(returned[0]?.error?.message).toBe("my fault");
    expect(process.exitCode).toBeUndefined();
  });

  it.each([
    ["rejects", "() => Promise.reject(new Error('my fault'))"],
    [
      "throws where nobody can catch it",
      "() => new Promise(() => setTimeout(() => { throw new Error('my fault'); }))",
    ],
    [
      "leaves a promise behind",
      "() => { Promise.reject(new Error('my fault')); return new Promise(() => {}); }",
    ],
  ])("tells the daemon of a frontend that %s, and exits with 0", async (_, source) => {
    const { returned, code } = await runProcess(source);
    expect(returned.map(({ error }) => error?.message)).toEqual(["my fault"]);
    expect(code).toBe(0);
  });
});
