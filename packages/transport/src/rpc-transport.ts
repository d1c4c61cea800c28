import type { DescMethod, MessageShape } from "@bufbuild/protobuf";
import { BoundedQueue } from "@buildkit-node/core";
import type { Transport } from "@connectrpc/connect";
import { CallError, StatusCode } from "./grpc/status.ts";
import { methodPath } from "./grpc/unary.ts";
import { beginRpc, type Caller } from "./rpc-call.ts";
import { RpcHeaders } from "./rpc-headers.ts";
import { encodeRequest, onlyRequest, Requests } from "./rpc-requests.ts";
import { type StatusError, statusError } from "./status-error.ts";

/** What the clients that connect makes call with: our gRPC on a connection of ours, failing with our errors. */
export function createRpcTransport(caller: Caller): Transport {
  return { unary: unaryOn(caller), stream: streamOn(caller) };
}

function unaryOn(caller: Caller): Transport["unary"] {
  return async (method, signal, timeoutMs, metadata, input) => {
    const request = encodeRequest(method, input);
    return new Promise((resolve, reject) => {
      let header: Headers = new RpcHeaders();
      let message: MessageShape<typeof method.output> | undefined;
      const options = { signal, timeoutMs, metadata };
      const call = beginRpc(caller, method, options, {
        onStart: (received) => {
          header = received;
        },
        onMessage: (received) => {
          if (message !== undefined)
            throw new CallError(StatusCode.internal, "the answer has a second message");
          message = received;
        },
        onEnd: (failure, trailer) => {
          if (failure !== undefined) reject(failure.error);
          else if (message === undefined) reject(noMessage(method));
          else resolve({ stream: false, service: method.parent, method, header, message, trailer });
        },
      });
      call.send(request);
      call.endSending();
    });
  };
}

function streamOn(caller: Caller): Transport["stream"] {
  return async (method, signal, timeoutMs, metadata, input) => {
    // A single request goes out in one piece with the headers of its call.
    const single = method.methodKind === "server_streaming" ? await onlyRequest(method, input) : undefined;
    return new Promise((resolve, reject) => {
      let requests: Requests<typeof method.input> | undefined;
      let thrown: { readonly error: unknown } | undefined;
      const trailer = new RpcHeaders();
      // Who does not read pauses the call, and so the daemon.
      const message = new BoundedQueue<MessageShape<typeof method.output>>({
        limit: 1,
        onDrain: () => call.resume(),
        onReturn: () => call.cancel(),
      });
      const options = { signal, timeoutMs, metadata };
      const call = beginRpc(caller, method, options, {
        onStart: (header) =>
          resolve({ stream: true, service: method.parent, method, header, message, trailer }),
        onMessage: (received) => {
          if (!message.push(received)) call.pause();
        },
        onEnd: (ended, received) => {
          const failure = thrown ?? ended;
          for (const [name, value] of received) trailer.set(name, value);
          message.end(failure);
          reject(failure?.error);
          requests?.stop();
        },
        onDrain: () => requests?.drained(),
      });
      if (single !== undefined) {
        call.send(single);
        call.endSending();
        return;
      }
      requests = new Requests(method, input);
      requests.sendOn(call).catch((error: unknown) => {
        thrown = { error };
        call.cancel();
      });
    });
  };
}

function noMessage(method: DescMethod): StatusError {
  const message = "the answer has no message";
  return statusError(methodPath(method), { code: StatusCode.internal, message });
}
