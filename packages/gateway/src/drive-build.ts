import { abortable, Scope, within } from "@buildkit-node/core";
import type { Result } from "@buildkit-node/proto/gateway";
import { Bridge } from "./bridge.ts";
import { capabilitiesFromProto } from "./capabilities.ts";
import { errorStatus } from "./error-status.ts";
import { Gateway } from "./gateway.ts";
import { platformFromProto } from "./platform.ts";
import type { BuildOutput } from "./result.ts";
import { resultToProto } from "./result-message.ts";
import type { BuildFunction, BuildFunctionOptions } from "./run-build-function.ts";

/** How long the daemon has to say what it can do. */
const pingMs = 15_000;

/** How long it has to take the error of a function that failed. */
const returnErrorMs = 5_000;

/** What `runBuildFunction` does. */
export async function driveBuild(run: BuildFunctionOptions, build: BuildFunction): Promise<void> {
  const bridge = new Bridge(run.connection.rpc, run.buildId);
  try {
    const result = await buildResult(bridge, run, build);
    await bridge.rpc.return({ result }, bridge.call(run.signal));
  } catch (error) {
    // The daemon may have ended the build already: then nobody waits for this.
    const told = bridge.rpc.return({ error: errorStatus(error) }, bridge.call(undefined));
    await within(
      told.catch(() => {}),
      returnErrorMs,
    );
    throw error;
  } finally {
    bridge.end();
  }
}

/** Runs the function; its containers are gone when this returns. */
async function buildResult(bridge: Bridge, run: BuildFunctionOptions, build: BuildFunction): Promise<Result> {
  await using scope = new Scope();
  const gateway = await openGateway(bridge, scope, run);
  const returned = await abortable(Promise.resolve(gateway).then(build), run.signal);
  const output = returned as BuildOutput;
  const { capabilities } = gateway;
  return resultToProto({ bridge, capabilities, solve: (graph) => gateway.solve(graph) }, output);
}

async function openGateway(bridge: Bridge, scope: Scope, run: BuildFunctionOptions): Promise<Gateway> {
  const limit = AbortSignal.timeout(pingMs);
  const pong = await abortable(bridge.rpc.ping({}, bridge.call(limit)), run.signal);
  return new Gateway({
    bridge,
    scope,
    options: run.options ?? {},
    sessionId: run.sessionId ?? "",
    product: run.product ?? "",
    workers: pong.Workers.map((worker) => ({
      id: worker.ID,
      labels: worker.Labels,
      platforms: worker.platforms.map(platformFromProto),
    })),
    capabilities: capabilitiesFromProto(pong),
  });
}
