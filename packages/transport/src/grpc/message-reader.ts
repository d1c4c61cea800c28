import { ByteQueue } from "../byte-queue.ts";
import { BytesDecoder } from "./bytes-decoder.ts";
import { MessageDecoder } from "./message-decoder.ts";

/** Hands over the messages of a call as they come. Who pauses holds the peer back once its window is full. */
export class MessageReader {
  readonly #bytes = new ByteQueue();
  #decoder: MessageDecoder | BytesDecoder = new MessageDecoder(this.#bytes);
  readonly #consumed: (bytes: number) => void;
  #onMessage: ((message: Buffer) => void) | undefined;
  #paused = false;
  /** Received and not handed over: the peer may send as much again once it is. */
  #heldBytes = 0;

  /** @param consumed lets the peer send more */
  constructor(consumed: (bytes: number) => void) {
    this.#consumed = consumed;
  }

  /** Messages go to `onMessage` from now on; none without. */
  set onMessage(onMessage: ((message: Buffer) => void) | undefined) {
    this.#onMessage = onMessage;
  }

  /** From now on hands over the data of `BytesMessage`s in the pieces in which it comes, in place of messages. */
  takeBytes(): void {
    this.#decoder = new BytesDecoder(this.#bytes);
  }

  /** True when a message has begun and not ended. */
  get partial(): boolean {
    return this.#decoder.partial;
  }

  push(piece: Buffer): void {
    this.#bytes.push(piece);
    this.#heldBytes += piece.length;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
  }

  /** Hands over what is there, until its reader pauses. False when it has paused. Throws what the reader threw. */
  deliver(): boolean {
    while (!this.#paused && this.#onMessage !== undefined) {
      const message = this.#decoder.next();
      if (message === undefined) {
        this.#credit(0);
        return true;
      }
      this.#onMessage(message);
    }
    this.#credit(this.#bytes.length);
    return false;
  }

  /** The peer may send what has been handed over; and also what cannot be while the rest of it is missing. */
  #credit(leftBytes: number): void {
    const handedOver = this.#heldBytes - leftBytes;
    this.#heldBytes = leftBytes;
    if (handedOver > 0) this.#consumed(handedOver);
  }
}
