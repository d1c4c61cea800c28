import { create } from "@bufbuild/protobuf";
import { CheckAgentResponseSchema, SSH } from "@buildkit-node/proto/ssh";
import { CallError, methodPath, type ServerCall, StatusCode, unary } from "@buildkit-node/transport";
import { bytesMessageData, framedBytesMessage } from "@buildkit-node/transport/internal";
import type { Attachable } from "../attachable.ts";
import type { AgentConnection } from "./agent-connection.ts";
import type { SshForward } from "./ssh-forward.ts";

export interface SshOptions {
  readonly forwards: readonly SshForward[];
  /** The environment to find `SSH_AUTH_SOCK` in; the process's own by default. */
  readonly env?: NodeJS.ProcessEnv;
}

/** The request metadata that names the agent. */
const agentIdKey = "buildkit.ssh.id";

/**
 * Lets builds use SSH agents and keys. Keys are read once, now; an agent is connected to each time that a build does.
 *
 * Rejects with an `InvalidArgumentError` for an id that occurs twice and for paths that do not go together, and with an
 * `SshError` for a socket or key that is not there or cannot be used.
 */
export async function sshService(options: SshOptions): Promise<Attachable> {
  const { openForwards } = await import("./open-forwards.ts");
  const agents = await openForwards(options.forwards, options.env ?? process.env);
  return {
    methods: new Map([
      unary(SSH.method.checkAgent, ({ ID }) => {
        findAgent(agents, ID);
        return create(CheckAgentResponseSchema);
      }),
      [
        methodPath(SSH.method.forwardAgent),
        (call: ServerCall) => forward(call, findAgent(agents, call.metadata.get(agentIdKey))),
      ],
    ]),
  };
}

function findAgent(agents: ReadonlyMap<string, AgentConnection>, id = ""): AgentConnection {
  const agent = agents.get(id === "" ? "default" : id);
  if (agent === undefined) throw new CallError(StatusCode.notFound, `no SSH agent ${id} is forwarded`);
  return agent;
}

async function forward(call: ServerCall, agent: AgentConnection): Promise<void> {
  for await (const data of agent(incoming(call), call.signal)) {
    for (const part of framedBytesMessage(Buffer.from(data.buffer, data.byteOffset, data.byteLength))) {
      call.sendFramed(part);
    }
    await call.writable();
  }
}

async function* incoming(call: ServerCall): AsyncGenerator<Uint8Array, void> {
  for await (const message of call.messages()) yield bytesMessageData(message);
}
