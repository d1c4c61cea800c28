import { BuildkitError } from "@buildkit-node/core";
import { sshString, sshUint32 } from "./wire.ts";

/** The messages of the SSH agent protocol that are understood here. */
export const AgentMessage = {
  failure: 5,
  requestIdentities: 11,
  identitiesAnswer: 12,
  signRequest: 13,
  signResponse: 14,
} as const;

/** As much as OpenSSH's agent takes. */
const maxMessageBytes = 256 * 1024;

/** Cuts a stream into agent messages, each beginning with its type. Throws `ERR_BUILDKIT_PROTOCOL` for one over 256 KiB. */
export async function* agentMessages(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer, void> {
  let waiting: Buffer = Buffer.alloc(0);
  for await (const piece of stream) {
    waiting = waiting.length === 0 ? Buffer.from(piece) : Buffer.concat([waiting, piece]);
    while (waiting.length >= 4) {
      const length = waiting.readUInt32BE();
      if (length === 0 || length > maxMessageBytes) {
        throw new BuildkitError("ERR_BUILDKIT_PROTOCOL", `an SSH agent message of ${length} bytes`);
      }
      if (waiting.length < 4 + length) break;
      yield waiting.subarray(4, 4 + length);
      waiting = waiting.subarray(4 + length);
    }
  }
}

/** A message with its length in front. */
export function frameAgentMessage(message: Uint8Array): Buffer {
  return sshString(message);
}

export const failureMessage: Uint8Array = Uint8Array.of(AgentMessage.failure);

/** Keys as an agent lists them. */
export function identitiesAnswer(
  keys: readonly { readonly publicBlob: Uint8Array; readonly comment: string }[],
): Buffer {
  const entries = keys.map((key) => Buffer.concat([sshString(key.publicBlob), sshString(key.comment)]));
  return Buffer.concat([Uint8Array.of(AgentMessage.identitiesAnswer), sshUint32(keys.length), ...entries]);
}

/** Answers the messages of a stream one after another. */
export async function* answerMessages(
  stream: AsyncIterable<Uint8Array>,
  answer: (message: Buffer) => Promise<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  for await (const message of agentMessages(stream)) yield frameAgentMessage(await answer(message));
}
