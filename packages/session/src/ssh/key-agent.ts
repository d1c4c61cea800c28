import type { AgentConnection } from "./agent-connection.ts";
import { AgentMessage, answerMessages, failureMessage, identitiesAnswer } from "./agent-messages.ts";
import type { SigningKey } from "./signing-key.ts";
import { SshReader, sshString } from "./wire.ts";

/** An agent of our own, in memory, that offers these keys and takes no others. */
export function keyAgent(keys: readonly SigningKey[]): AgentConnection {
  return (fromBuild) =>
    answerMessages(fromBuild, async (message) => {
      if (message[0] === AgentMessage.requestIdentities) return identitiesAnswer(keys);
      if (message[0] === AgentMessage.signRequest) return signResponse(keys, message) ?? failureMessage;
      return failureMessage;
    });
}

/** Answers nothing for a key that is not there and for a request that cannot be read. */
function signResponse(keys: readonly SigningKey[], message: Buffer): Uint8Array | undefined {
  const request = parseSignRequest(message);
  if (request === undefined) return undefined;
  const key = keys.find(({ publicBlob }) => publicBlob.equals(request.publicBlob));
  if (key === undefined) return undefined;
  const signature = key.sign(request.data, request.flags);
  return Buffer.concat([Uint8Array.of(AgentMessage.signResponse), sshString(signature)]);
}

function parseSignRequest(message: Buffer) {
  try {
    const reader = new SshReader(message.subarray(1));
    return { publicBlob: reader.string(), data: reader.string(), flags: reader.uint32() };
  } catch {
    return undefined;
  }
}
