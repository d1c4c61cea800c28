import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { BoundedQueue, within } from "@buildkit-node/core";
import { type ExecMessage, ExecMessageSchema } from "@buildkit-node/proto/gateway";
import { scopedStream } from "@buildkit-node/transport";
import type { Bridge } from "../bridge.ts";

/** A message to the daemon, without the process that it is for. */
export type Outgoing = NonNullable<MessageInitShape<typeof ExecMessageSchema>["Input"]>;

/** Bytes on their way to the daemon before the writer has to wait. */
const queueBytes = 64 * 1024;

/**
 * One process's own call. The daemon takes several processes on one call, but then one message that it refuses ends
 * them all, and one process whose input or output stands still holds up the others.
 */
export class ProcessCall {
  readonly #outgoing: BoundedQueue<ExecMessage>;
  readonly #incoming: AsyncGenerator<ExecMessage, void, undefined>;
  readonly #cancel = new AbortController();
  readonly #processId: string;
  readonly #waiting: (() => void)[] = [];
  #next: Promise<IteratorResult<ExecMessage, void>> | undefined;

  constructor(bridge: Bridge, processId: string) {
    this.#processId = processId;
    this.#outgoing = new BoundedQueue({
      limit: queueBytes,
      sizeOf: ({ Input }) => (Input.case === "File" ? Input.value.Data.length + 64 : 64),
      onDrain: () => this.#goOn(),
      onReturn: () => this.#goOn(),
    });
    this.#incoming = scopedStream(
      (signal) => bridge.rpc.execProcess(this.#outgoing, bridge.call(signal)),
      this.#cancel.signal,
    );
  }

  /** Sends a message; resolves once there is room for the next. */
  send(input: Outgoing): Promise<void> {
    const message = create(ExecMessageSchema, { ProcessID: this.#processId, Input: input });
    if (this.#outgoing.push(message)) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /**
   * The next message; undefined at the end of the call.
   *
   * @param patienceMs how long to wait for it. Default: for ever
   */
  async receive(patienceMs?: number): Promise<ExecMessage | "nothing" | undefined> {
    // Whoever did not wait long enough has not taken it.
    const next = this.#next ?? this.#incoming.next();
    this.#next = next;
    const result = patienceMs === undefined ? await next : await within(next, patienceMs);
    if (result === undefined) return "nothing";
    this.#next = undefined;
    return result.value ?? undefined;
  }

  /** Says that nothing more will be sent. The daemon then tells an error that it kept back, or ends. */
  endSending(): void {
    this.#outgoing.end();
    this.#goOn();
  }

  /** Ends the call on both sides. */
  close(): void {
    this.endSending();
    this.#cancel.abort();
    void this.#incoming.return().catch(() => {});
  }

  #goOn(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
