/** Raised for bytes that are no protobuf message. */
export class MalformedBytesError extends Error {}

const decoder = new TextDecoder("utf-8", { fatal: true });

/** Reads the primitives of the protobuf wire format. */
export class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** An unsigned 64-bit number. */
  uint64(): bigint {
    let low = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.#byte();
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        return BigInt(low);
      }
    }
    let value = BigInt(low);
    for (let shift = 28n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) {
        return BigInt.asUintN(64, value);
      }
    }
    throw new MalformedBytesError("a number has more than ten bytes");
  }

  /** A tag or length: anything beyond 32 bits is malformed. */
  uint32(): number {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 28; scale *= 128) {
      const byte = this.#byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        return value;
      }
    }
    throw new MalformedBytesError("a length has more than 32 bits");
  }

  /** A view of bytes that have their length before them. */
  bytes(): Uint8Array {
    const length = this.uint32();
    const end = this.#at + length;
    if (end > this.#bytes.length) {
      throw new MalformedBytesError(
        `${length} bytes are announced, ${this.#bytes.length - this.#at} are there`,
      );
    }
    const view = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return view;
  }

  /** A text that has its length before it. */
  text(): string {
    const bytes = this.bytes();
    try {
      return decoder.decode(bytes);
    } catch (cause) {
      throw new MalformedBytesError("a text is not UTF-8", { cause });
    }
  }

  /** Passes over a field of any kind. */
  skip(wireType: number): void {
    switch (wireType) {
      case 0:
        this.uint64();
        return;
      case 1:
        this.#advance(8);
        return;
      case 2:
        this.bytes();
        return;
      case 5:
        this.#advance(4);
        return;
      default:
        throw new MalformedBytesError(`wire type ${wireType} is not used by any BuildKit message`);
    }
  }

  #advance(count: number): void {
    if (this.#at + count > this.#bytes.length) {
      throw new MalformedBytesError("the message ends inside a field");
    }
    this.#at += count;
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) {
      throw new MalformedBytesError("the message ends inside a field");
    }
    return byte;
  }
}
