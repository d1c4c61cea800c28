/** Reads the data types of the SSH protocols one after another. Throws a `RangeError` at the end of the data. */
export class SshReader {
  readonly #data: Buffer;
  #at = 0;

  constructor(data: Uint8Array) {
    this.#data = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  }

  byte(): number {
    return this.#take(1).readUInt8();
  }

  uint32(): number {
    return this.#take(4).readUInt32BE();
  }

  /** A string, which is any bytes. A view of the data. */
  string(): Buffer {
    return this.#take(this.uint32());
  }

  text(): string {
    return this.string().toString("utf8");
  }

  /** A multiple precision integer without its leading zero; never a negative one. */
  mpint(): Buffer {
    const bytes = this.string();
    return bytes[0] === 0 ? bytes.subarray(1) : bytes;
  }

  skip(bytes: number): void {
    this.#take(bytes);
  }

  #take(bytes: number): Buffer {
    const end = this.#at + bytes;
    if (end > this.#data.length) throw new RangeError("the data ends too early");
    const taken = this.#data.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}

export function sshUint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A string of the SSH protocols: the length, then the parts one after another. */
export function sshString(...parts: readonly (string | Uint8Array)[]): Buffer {
  const bytes = Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : part)));
  return Buffer.concat([sshUint32(bytes.length), bytes]);
}

/** An unsigned integer, big-endian, as a multiple precision integer. */
export function sshMpint(unsigned: Uint8Array): Buffer {
  let start = 0;
  while (start < unsigned.length && unsigned[start] === 0) start++;
  const significant = unsigned.subarray(start);
  const negative = ((significant[0] ?? 0) & 0x80) !== 0;
  return sshString(negative ? Buffer.from([0]) : "", significant);
}
