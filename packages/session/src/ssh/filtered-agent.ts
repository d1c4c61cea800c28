import type { AgentConnection } from "./agent-connection.ts";
import {
  AgentMessage,
  agentMessages,
  answerMessages,
  failureMessage,
  frameAgentMessage,
} from "./agent-messages.ts";
import { connectSocket } from "./socket.ts";
import { SshError } from "./ssh-error.ts";

/** What a build may ask of an agent. */
const allowed: ReadonlySet<number | undefined> = new Set([
  AgentMessage.requestIdentities,
  AgentMessage.signRequest,
]);

/**
 * The agent behind a socket, of which a build may list the keys and have things signed. Everything else (adding and removing
 * keys, locking, extensions) is refused here and never reaches the agent.
 */
export function filteredAgent(path: string): AgentConnection {
  return async function* (fromBuild, signal) {
    using socket = await connectSocket(path, signal);
    const answers = agentMessages(socket.stream);
    yield* answerMessages(fromBuild, async (message) => {
      if (!allowed.has(message[0])) return failureMessage;
      socket.stream.write(frameAgentMessage(message));
      const answer = await answers.next();
      if (answer.done === true) throw new SshError(path, `the SSH agent at ${path} closed the connection`);
      return answer.value;
    });
  };
}
