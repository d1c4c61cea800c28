/** Bytes in the order in which they came, in the buffers in which they came. */
export class ByteQueue {
  readonly #chunks: Buffer[] = [];
  /** Where the first chunk's bytes begin that have not been taken. */
  #offset = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#length += chunk.length;
  }

  clear(): void {
    this.#chunks.length = 0;
    this.#offset = 0;
    this.#length = 0;
  }

  /** The byte at `index` of those that are next; it must be there. */
  byteAt(index: number): number {
    let at = this.#offset + index;
    for (const chunk of this.#chunks) {
      if (at < chunk.length) return chunk[at] ?? 0;
      at -= chunk.length;
    }
    return 0;
  }

  /** Passes over the next `length` bytes, which must be there. */
  skip(length: number): void {
    this.#length -= length;
    this.#offset += length;
    for (
      let first = this.#chunks[0];
      first !== undefined && this.#offset >= first.length;
      first = this.#chunks[0]
    ) {
      this.#offset -= first.length;
      this.#chunks.shift();
    }
  }

  /** The next bytes, at least one and at most `limit`, as a view; empty when there are none. */
  takeSome(limit: number): Buffer {
    const first = this.#chunks[0];
    if (first === undefined) return empty;
    return this.#view(first, Math.min(limit, first.length - this.#offset));
  }

  /** The next `length` bytes, which must be there: a view if they lie in one chunk, else one copy. */
  take(length: number): Buffer {
    const first = this.#chunks[0];
    if (first === undefined || length === 0) return empty;
    if (this.#offset + length <= first.length) return this.#view(first, length);
    const whole = Buffer.allocUnsafe(length);
    for (let filled = 0; filled < length; ) filled += this.takeSome(length - filled).copy(whole, filled);
    return whole;
  }

  #view(first: Buffer, length: number): Buffer {
    const end = this.#offset + length;
    const view = this.#offset === 0 && end === first.length ? first : first.subarray(this.#offset, end);
    this.skip(length);
    return view;
  }
}

const empty = Buffer.alloc(0);
