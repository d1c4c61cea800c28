import type { IncomingMessage, RequestOptions } from "node:http";
import type { Duplex } from "node:stream";
import { onAbort } from "@buildkit-node/core";
import { ConnectError, dialFailed } from "../connect-error.ts";
import type { Dialer } from "../dialer.ts";
import type { EngineApi } from "./engine-api.ts";

/**
 * Dials the BuildKit inside a Docker Engine. Engines from API 1.53 on (Docker 29.2) take gRPC on the API socket as it
 * is; older ones turn a connection over to it when asked with `POST /grpc`, which newer ones call deprecated.
 */
export function dockerEngineDialer(api: EngineApi): Dialer {
  const { address } = api;
  return {
    ...api,
    dial: async (signal) => {
      const version = await askApiVersion(address, await api.dial("http/1.1", signal), signal);
      if (takesGrpc(version)) return api.dial("h2", signal);
      return upgrade(address, await api.dial("http/1.1", signal), signal);
    },
  };
}

function takesGrpc(apiVersion: string): boolean {
  const [major = 0, minor = 0] = apiVersion.split(".").map(Number);
  return major > 1 || (major === 1 && minor >= 53);
}

async function askApiVersion(address: string, socket: Duplex, signal?: AbortSignal): Promise<string> {
  const answer = await ask(address, socket, { path: "/_ping" }, signal);
  const version = answer.response.headers["api-version"];
  socket.destroy();
  if (typeof version === "string") return version;
  throw notAnEngine(
    address,
    `GET /_ping was answered with status ${answer.response.statusCode ?? "unknown"}`,
  );
}

async function upgrade(address: string, socket: Duplex, signal?: AbortSignal): Promise<Duplex> {
  const options = { method: "POST", path: "/grpc", headers: { connection: "Upgrade", upgrade: "h2c" } };
  const answer = await ask(address, socket, options, signal);
  if (answer.upgraded === undefined) {
    socket.destroy();
    throw notAnEngine(
      address,
      `POST /grpc was answered with status ${answer.response.statusCode ?? "unknown"}`,
    );
  }
  // The daemon may begin to speak HTTP/2 in the packet that carries the 101.
  if (answer.upgraded.length > 0) socket.unshift(answer.upgraded);
  return socket;
}

interface Answer {
  readonly response: IncomingMessage;
  /** Set when the peer switched protocols: the bytes that followed its answer. */
  readonly upgraded?: Buffer;
}

/** One HTTP/1.1 exchange on a socket of its own. Destroys the socket when it fails. */
function ask(
  address: string,
  socket: Duplex,
  options: RequestOptions,
  signal: AbortSignal | undefined,
): Promise<Answer> {
  const { request } = process.getBuiltinModule("node:http");
  return new Promise<Answer>((resolve, reject) => {
    const call = request({ ...options, createConnection: () => socket });
    let aborted: Disposable | undefined;
    const settle = (answer: Answer) => {
      aborted?.[Symbol.dispose]();
      resolve(answer);
    };
    const fail = (reason: unknown) => {
      aborted?.[Symbol.dispose]();
      socket.destroy();
      reject(reason);
    };
    call.on("upgrade", (response, _socket, head) => settle({ response, upgraded: head }));
    call.on("response", (response) => {
      response.resume();
      settle({ response });
    });
    call.on("error", (error: NodeJS.ErrnoException) => {
      // The parser's own errors: what came back was not HTTP.
      const http = error.code?.startsWith("HPE_") !== true;
      fail(http ? dialFailed(address, error) : notAnEngine(address, "it does not speak HTTP/1.1", error));
    });
    call.end();
    aborted = onAbort(signal, fail);
  });
}

function notAnEngine(address: string, seen: string, cause?: unknown): ConnectError {
  return new ConnectError(
    [
      {
        address,
        failure: "not-buildkit",
        problem: `it is not a Docker Engine with BuildKit: ${seen}`,
        advice: "use unix:// or tcp:// for buildkitd itself; Docker has BuildKit from 18.09 on",
      },
    ],
    { cause },
  );
}
