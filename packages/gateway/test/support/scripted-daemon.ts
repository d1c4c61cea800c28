import { createServer } from "node:http2";
import { duplexPair } from "node:stream";
import { Content } from "@buildkit-node/proto/content";
import { LLBBridge, type ReturnRequest } from "@buildkit-node/proto/gateway";
import { openConnection } from "@buildkit-node/transport";
import type { ServiceImpl } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { type BuildFunction, runBuildFunction } from "../../src/index.ts";

/** What a test lets the daemon do. */
export interface Script {
  readonly bridge?: Partial<ServiceImpl<typeof LLBBridge>>;
  readonly content?: Partial<ServiceImpl<typeof Content>>;
  /** Capabilities of the gateway; those of BuildKit 0.32 unless given. */
  readonly capabilities?: readonly string[];
  readonly llbCapabilities?: readonly string[];
}

/** How a build went. */
export interface Outcome {
  /** Every Return that the daemon got. */
  readonly returned: readonly ReturnRequest[];
  /** Names of the calls, in order, without Ping. */
  readonly calls: readonly string[];
  /** What `runBuildFunction` threw. */
  readonly thrown: unknown;
}

export const allCapabilities: readonly string[] = (
  "solve.base solve.inlinereturn resolveimage resolveimage.resolvemode readfile return returnmap readdir statfile " +
  "importcaches proto.refarray reference.output frontend.inputs frontend.caps gateway.solve.metadata gateway.exec " +
  "gateway.solve.evaluate gateway.exec.extrahosts gateway.exec.signals gateway.warnings gateway.evaluate " +
  "reference.attestations gateway.exec.secretenv source.metaresolver gateway.exec.filesystem"
).split(" ");

/** Runs a build function against a daemon that answers by script, over a real HTTP/2 connection in memory. */
export async function build(
  script: Script,
  fn: BuildFunction,
  options: { readonly signal?: AbortSignal } = {},
): Promise<Outcome> {
  const returned: ReturnRequest[] = [];
  const calls: string[] = [];
  const [ours, theirs] = duplexPair();
  const server = createServer(
    connectNodeAdapter({
      routes: (router) => {
        router.service(LLBBridge, {
          ping: () => ({
            FrontendAPICaps: (script.capabilities ?? allCapabilities).map((ID) => ({ ID, Enabled: true })),
            LLBCaps: (script.llbCapabilities ?? []).map((ID) => ({ ID, Enabled: true })),
            Workers: [{ ID: "w", platforms: [{ OS: "linux", Architecture: "amd64" }] }],
          }),
          releaseContainer: () => ({}),
          newContainer: () => ({}),
          ...script.bridge,
          return: (request, context) => {
            returned.push(request);
            return script.bridge?.return?.(request, context) ?? {};
          },
        });
        if (script.content !== undefined) router.service(Content, script.content);
      },
      interceptors: [
        (next) => (request) => {
          if (request.method.name !== "Ping") calls.push(request.method.name);
          return next(request);
        },
      ],
    }),
  );
  server.emit("connection", theirs);
  const dialer = { address: "test://", authority: "localhost", dial: async () => ours };
  await using connection = await openConnection(dialer, { signal: AbortSignal.timeout(5_000) });
  let thrown: unknown;
  await runBuildFunction({ connection, buildId: "b1", ...options }, fn).catch((error: unknown) => {
    thrown = error;
  });
  return { returned, calls, thrown };
}
