/** Cuts a stream into messages with a header of fixed length that tells the length of the rest. */
export class Splitter {
  readonly #headerBytes: number;
  readonly #lengthOf: (header: Buffer) => number;
  readonly #onStart: (header: Buffer) => void;
  readonly #onPiece: (piece: Buffer) => void;
  readonly #onEnd: () => void;
  #header: Buffer = Buffer.alloc(0);
  #left = -1;

  constructor(options: {
    readonly headerBytes: number;
    readonly lengthOf: (header: Buffer) => number;
    readonly onStart: (header: Buffer) => void;
    readonly onPiece: (piece: Buffer) => void;
    readonly onEnd: () => void;
  }) {
    this.#headerBytes = options.headerBytes;
    this.#lengthOf = options.lengthOf;
    this.#onStart = options.onStart;
    this.#onPiece = options.onPiece;
    this.#onEnd = options.onEnd;
  }

  push(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.#left < 0) {
        const taken = chunk.subarray(at, at + this.#headerBytes - this.#header.length);
        at += taken.length;
        this.#header = this.#header.length === 0 ? taken : Buffer.concat([this.#header, taken]);
        if (this.#header.length < this.#headerBytes) return;
        this.#left = this.#lengthOf(this.#header);
        this.#onStart(this.#header);
        this.#header = this.#header.subarray(0, 0);
      } else {
        const piece = chunk.subarray(at, at + this.#left);
        at += piece.length;
        this.#left -= piece.length;
        this.#onPiece(piece);
      }
      if (this.#left > 0) continue;
      this.#left = -1;
      this.#onEnd();
    }
  }
}

/** HTTP/2 frames as they come: whole ones but for DATA, which comes in pieces. */
export function frameSplitter(handler: {
  readonly data: (streamId: number, piece: Buffer) => void;
  readonly frame: (type: number, flags: number, streamId: number, payload: Buffer) => void;
}): Splitter {
  let type = 0;
  let flags = 0;
  let streamId = 0;
  let payload: Buffer[] = [];
  return new Splitter({
    headerBytes: 9,
    lengthOf: (header) => header.readUIntBE(0, 3),
    onStart: (header) => {
      type = header[3] ?? 0;
      flags = header[4] ?? 0;
      streamId = header.readUInt32BE(5);
      payload = [];
    },
    onPiece: (piece) => {
      if (type === 0) handler.data(streamId, piece);
      else payload.push(piece);
    },
    onEnd: () => handler.frame(type, flags, streamId, Buffer.concat(payload)),
  });
}

export function frame(type: number, flags: number, streamId: number, payload: Uint8Array): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header[3] = type;
  header[4] = flags;
  header.writeUInt32BE(streamId, 5);
  return Buffer.concat([header, payload]);
}

export function windowUpdate(streamId: number, bytes: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes);
  return frame(8, 0, streamId, payload);
}

/** SETTINGS with a stream window as large as there is, and a connection window to match. */
export const greeting: Buffer = Buffer.concat([
  frame(4, 0, 0, Buffer.from([0, 4, 0x7f, 0xff, 0xff, 0xff])),
  windowUpdate(0, 2 ** 31 - 1 - 65_535),
]);

/** A header block of literals. */
export function headerBlock(lines: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(
    lines.flatMap(([name, value]) => [
      Buffer.of(0, name.length),
      Buffer.from(name),
      Buffer.of(value.length),
      Buffer.from(value),
    ]),
  );
}

/** A gRPC message. */
export function message(body: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(body.length, 1);
  return Buffer.concat([prefix, body]);
}

/** `BytesMessage { data }` as a gRPC message, in two parts so that the data is not copied. */
export function bytesMessage(data: Uint8Array): [Buffer, Uint8Array] {
  const field = Buffer.from([0x0a, ...varint(data.length)]);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(field.length + data.length, 1);
  return [Buffer.concat([prefix, field]), data];
}

export function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return [...bytes, rest];
}

/** Passes on the data of `BytesMessage`s whose bytes come in pieces. */
export function bytesMessageSplitter(onData: (piece: Buffer) => void): Splitter {
  let prefix: "tag" | "length" | "done" = "tag";
  return new Splitter({
    headerBytes: 5,
    lengthOf: (header) => header.readUInt32BE(1),
    onStart: () => {
      prefix = "tag";
    },
    onPiece: (piece) => {
      let at = 0;
      for (; prefix !== "done" && at < piece.length; at++) {
        if (prefix === "tag") prefix = "length";
        else if ((piece[at] ?? 0) < 128) prefix = "done";
      }
      if (at < piece.length) onData(piece.subarray(at));
    },
    onEnd: () => {},
  });
}
