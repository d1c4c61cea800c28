import type { Connection } from "@buildkit-node/transport";
import type { Gateway } from "./gateway.ts";
import type { BuildOutput } from "./result.ts";

/**
 * A build written in code: what it returns is the result of the build, what it throws the build's error. Its files,
 * references and containers are there until it has returned.
 */
// biome-ignore lint/suspicious/noConfusingVoidType: a function that returns nothing has a result all the same.
export type BuildFunction = (gateway: Gateway) => Promise<BuildOutput | void> | BuildOutput | void;

export interface BuildFunctionOptions {
  /** Where the daemon's calls go: a connection, or the pipe of a frontend. */
  readonly connection: Pick<Connection, "rpc">;
  /** The build that a client drives; absent for a frontend in an image. */
  readonly buildId?: string;
  /** What the caller asks of the function, as a frontend's options. */
  readonly options?: Readonly<Record<string, string>>;
  readonly sessionId?: string;
  readonly product?: string;
  /** Ends the build function's wait: the result is then an error with the signal's reason. */
  readonly signal?: AbortSignal;
}

/**
 * Runs a build function and gives what it returns, or what it throws, to the daemon, once.
 *
 * @returns when the daemon has the result
 * @throws what the function threw, after the daemon has been told
 */
export async function runBuildFunction(run: BuildFunctionOptions, build: BuildFunction): Promise<void> {
  // All that a gateway is made of: builds without a function need none of it.
  const { driveBuild } = await import("./drive-build.ts");
  await driveBuild(run, build);
}
