import { createServer } from "node:http2";
import { duplexPair } from "node:stream";
import { LLBBridge, type ReturnRequest } from "@buildkit-node/proto/gateway";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { describe, expect, it } from "vitest";
import { defineFrontend, type Frontend, runFrontend } from "../src/index.ts";

/** Runs a frontend's process on one end of a pipe, with a daemon at the other. */
async function run(frontend: Frontend, env: Readonly<Record<string, string>>) {
  const returned: ReturnRequest[] = [];
  const headers: (string | null)[] = [];
  const [ours, theirs] = duplexPair();
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
  server.emit("connection", theirs);
  await runFrontend(frontend, { env, pipe: ours });
  return { returned, headers };
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
});
