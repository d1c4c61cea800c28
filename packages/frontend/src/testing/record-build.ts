import { create, type DescMessage, type MessageShape } from "@bufbuild/protobuf";
import { type BuildFunction, type Graph, runBuildFunction } from "@buildkit-node/gateway";
import { Definition, marshal } from "@buildkit-node/llb";
import type { Image } from "@buildkit-node/oci";
import type { ReturnRequest, WarnRequest } from "@buildkit-node/proto/gateway";
import { StatusError } from "@buildkit-node/transport";
import type { Transport } from "@connectrpc/connect";
import { RecordedDaemon } from "./recorded-daemon.ts";
import type { RecordedWorld } from "./recorded-world.ts";

/** One call that a frontend made. */
export interface RecordedCall {
  /** Such as `solve` or `readFile`. */
  readonly method: string;
  /** What it asked, in the words of the protocol. */
  readonly request: object;
}

/** What a frontend returned for one platform. */
export interface RecordedTree {
  /** What the daemon would solve; empty for a result without any file. */
  readonly definition: Definition;
  /** The image's config, where the frontend gave one. */
  readonly config?: Image;
}

/** A build as it went. */
export interface RecordedBuild {
  /** What was returned, by platform; the key is empty for a result without platforms. */
  readonly results: ReadonlyMap<string, RecordedTree>;
  readonly metadata: ReadonlyMap<string, Uint8Array>;
  /** What the frontend threw; its user would see the message. */
  readonly error?: unknown;
  /** Warnings, in the order in which they were shown. */
  readonly warnings: readonly string[];
  readonly calls: readonly RecordedCall[];
}

/**
 * Runs a frontend without a daemon: sources are answered from what the test gives, nothing is built, and everything that
 * the frontend asks and returns is written down. Files of steps that would have to run are not there.
 */
export async function recordBuild(build: BuildFunction, world: RecordedWorld = {}): Promise<RecordedBuild> {
  const inputs = new Map(
    Object.entries(world.inputs ?? {}).map(([name, graph]) => [name, marshalled(graph, world)]),
  );
  const daemon = new RecordedDaemon(world, inputs);
  const calls: RecordedCall[] = [];
  let thrown: { readonly error: unknown } | undefined;
  const run = {
    connection: { rpc: transport(daemon, calls) },
    options: world.options ?? {},
    sessionId: "recorded",
  };
  await runBuildFunction(run, build).catch((error: unknown) => {
    thrown = { error };
  });
  const warnings = calls.filter(({ method }) => method === "warn");
  return {
    ...resultOf(daemon, calls),
    ...thrown,
    warnings: warnings.map(({ request }) => new TextDecoder().decode((request as WarnRequest).short)),
    calls: calls.filter(({ method }) => method !== "ping" && method !== "return"),
  };
}

function marshalled(graph: Graph, { platform = "linux/amd64" }: RecordedWorld): Definition {
  return graph instanceof Definition ? graph : marshal(graph, { platform });
}

function resultOf(
  daemon: RecordedDaemon,
  calls: readonly RecordedCall[],
): Pick<RecordedBuild, "results" | "metadata"> {
  const returned = calls.findLast(({ method }) => method === "return")?.request as ReturnRequest | undefined;
  const { result, metadata = {} } = returned?.result ?? {};
  const ids: (readonly [string, string])[] =
    result?.case === "ref"
      ? [["", result.value.id]]
      : result?.case === "refs"
        ? Object.entries(result.value.refs).map(([platform, { id }]) => [platform, id] as const)
        : [];
  const trees = ids.map(([platform, id]): [string, RecordedTree] => {
    const bytes = metadata[platform === "" ? "containerimage.config" : `containerimage.config/${platform}`];
    const config: Image | undefined = bytes && JSON.parse(new TextDecoder().decode(bytes));
    return [platform, { definition: daemon.definitionOf(id), ...(config && { config }) }];
  });
  return { results: new Map(trees), metadata: new Map(Object.entries(metadata)) };
}

/** Answers the gateway's calls within the process. */
function transport(daemon: RecordedDaemon, calls: RecordedCall[]): Transport {
  return {
    unary: async (method, _signal, _timeoutMs, _header, input) => {
      const request = create<DescMessage>(method.input, input) as MessageShape<typeof method.input>;
      calls.push({ method: method.localName, request });
      const answer = daemon.answer(method.localName, request);
      return {
        stream: false,
        service: method.parent,
        method,
        header: new Headers(),
        trailer: new Headers(),
        message: create(method.output, answer as never),
      };
    },
    stream: (method) => Promise.reject(unanswered(method.localName, "processes need a daemon")),
  };
}

function unanswered(method: string, why: string): StatusError {
  const text = `a recorded gateway cannot answer ${method}: ${why}`;
  return new StatusError({ method, status: "Unimplemented", text, details: [], reset: false });
}
