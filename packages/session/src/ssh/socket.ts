import { connect, type Socket } from "node:net";
import { errorMessage, onAbort } from "@buildkit-node/core";
import { SshError } from "./ssh-error.ts";

/** An agent answers at once or not at all. */
const connectTimeoutMs = 2000;

/** A connection that is given up when it goes out of scope. */
export interface AgentSocket extends Disposable {
  readonly stream: Socket;
}

/** Connects to a unix socket or, on Windows, a named pipe. Aborting breaks the connection. Throws an `SshError`. */
export async function connectSocket(path: string, signal: AbortSignal): Promise<AgentSocket> {
  signal.throwIfAborted();
  const stream = connect({ path, allowHalfOpen: true });
  const aborted = onAbort(signal, () => stream.destroy());
  try {
    await connected(stream);
  } catch (cause) {
    stream.destroy();
    aborted[Symbol.dispose]();
    signal.throwIfAborted();
    throw new SshError(path, `cannot reach an SSH agent at ${path}: ${errorMessage(cause)}`, { cause });
  }
  return {
    stream,
    [Symbol.dispose]: () => {
      aborted[Symbol.dispose]();
      stream.destroy();
    },
  };
}

function connected(stream: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.setTimeout(connectTimeoutMs, () =>
      reject(new Error(`no connection within ${connectTimeoutMs} ms`)),
    );
    stream.once("connect", () => {
      stream.setTimeout(0);
      resolve();
    });
    // Later errors come out where the stream is read.
    stream.on("error", reject);
    stream.once("close", () => reject(new Error("the connection was closed")));
  });
}
