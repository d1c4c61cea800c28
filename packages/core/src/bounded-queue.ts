/**
 * A first-in first-out queue between one producer that can be paused and one consumer that iterates. `push` tells
 * the producer to stop when `limit` units are waiting and `onDrain` tells it to go on, so memory stays bounded.
 * Leaving the loop closes the queue.
 */
export class BoundedQueue<T> implements AsyncIterable<T> {
  readonly #limit: number;
  readonly #sizeOf: (item: T) => number;
  readonly #onDrain: () => void;
  readonly #onReturn: () => void;
  #items: T[] = [];
  #head = 0;
  #size = 0;
  #full = false;
  #ended = false;
  #failure: { readonly error: unknown } | undefined;
  #wake: (() => void) | undefined;

  constructor(options: {
    /** Units after which `push` answers false. */
    readonly limit: number;
    /** Units of one item; 1 by default. */
    readonly sizeOf?: (item: T) => number;
    /** Called when a queue that was full has room for half its limit again. */
    readonly onDrain?: () => void;
    /** Called when the consumer leaves its loop early. */
    readonly onReturn?: () => void;
  }) {
    this.#limit = options.limit;
    this.#sizeOf = options.sizeOf ?? (() => 1);
    this.#onDrain = options.onDrain ?? (() => {});
    this.#onReturn = options.onReturn ?? (() => {});
  }

  /** Adds an item, even over the limit. Answers whether the producer may go on at once. */
  push(item: T): boolean {
    if (this.#ended) return false;
    this.#items.push(item);
    this.#size += this.#sizeOf(item);
    this.#full = this.#size >= this.#limit;
    this.#notify();
    return !this.#full;
  }

  /** No more items: the consumer ends after what is waiting, or throws `error` then when one is given. */
  end(failure?: { readonly error: unknown }): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#failure = failure;
    this.#notify();
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    for (;;) {
      if (this.#head < this.#items.length) return { done: false, value: this.#take() };
      if (this.#failure !== undefined) throw this.#failure.error;
      if (this.#ended) return { done: true, value: undefined };
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  [Symbol.asyncIterator](): AsyncIterator<T, undefined> {
    return {
      next: () => this.next(),
      return: () => {
        this.#items = [];
        this.#head = 0;
        this.end();
        this.#onReturn();
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }

  #take(): T {
    const item = this.#items[this.#head] as T;
    this.#head++;
    if (this.#head === this.#items.length || this.#head >= 1024) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    this.#size -= this.#sizeOf(item);
    if (this.#full && this.#size <= this.#limit / 2) {
      this.#full = false;
      this.#onDrain();
    }
    return item;
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
