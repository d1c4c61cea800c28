// The other end of a session that does nothing but speak the protocol, in a process of its own: what is measured against
// it is the client's share alone. Usage: peer.ts <socket> <scenario as JSON>; reports to its parent process.
import { createServer, type Socket } from "node:net";
import {
  bytesMessage,
  bytesMessageSplitter,
  frame,
  frameSplitter,
  greeting,
  headerBlock,
  message,
  Splitter,
  varint,
  windowUpdate,
} from "./frames.ts";
import type { Scenario } from "./scenario.ts";

const [socketPath = "", scenarioJson = "{}"] = process.argv.slice(2);
const scenario: Scenario = JSON.parse(scenarioJson);

/** What may be received before the windows are opened again. */
const windowBytes = 256 << 20;
/** How far ahead of the client's windows and of the socket nothing is made. */
const batchBytes = 256 << 10;

createServer((socket) => serve(socket)).listen(socketPath, () => process.send?.({ listening: true }));

function serve(socket: Socket): void {
  const tunnelStream = 1;
  let preface = 24;
  let outerWindow = 65_535;
  let outerStreamWindow = 65_535;
  let toCredit = 0;
  const pending: Uint8Array[] = [];
  let pendingBytes = 0;
  let tunnel: Tunnel | undefined;

  const flush = () => {
    socket.cork();
    while (pendingBytes > 0 && outerWindow > 0 && outerStreamWindow > 0 && !socket.writableNeedDrain) {
      const first = pending[0];
      if (first === undefined) break;
      const piece = first.subarray(0, Math.min(16_384, outerWindow, outerStreamWindow));
      if (piece.length === first.length) pending.shift();
      else pending[0] = first.subarray(piece.length);
      const header = Buffer.alloc(9);
      header.writeUIntBE(piece.length, 0, 3);
      header.writeUInt32BE(tunnelStream, 5);
      socket.write(header);
      socket.write(piece);
      pendingBytes -= piece.length;
      outerWindow -= piece.length;
      outerStreamWindow -= piece.length;
    }
    socket.uncork();
    if (pendingBytes < batchBytes && tunnel?.drain() === true) wake();
  };
  let woken = false;
  const wake = () => {
    if (woken) return;
    woken = true;
    setImmediate(() => {
      woken = false;
      flush();
    });
  };
  const send = (bytes: Uint8Array) => {
    const parts = bytesMessage(bytes);
    for (const part of parts) {
      pending.push(part);
      pendingBytes += part.length;
    }
  };

  const fromTunnel = bytesMessageSplitter((piece) => tunnel?.push(piece));
  const frames = frameSplitter({
    data: (_streamId, piece) => {
      toCredit += piece.length;
      fromTunnel.push(piece);
    },
    frame: (type, flags, streamId, payload) => {
      if (type === 4 && flags === 0) {
        for (let at = 0; at < payload.length; at += 6) {
          if (payload.readUInt16BE(at) === 4) outerStreamWindow = payload.readUInt32BE(at + 2);
        }
        socket.write(frame(4, 1, 0, Buffer.alloc(0)));
      } else if (type === 6 && flags === 0) {
        socket.write(frame(6, 1, 0, payload));
      } else if (type === 8) {
        if (streamId === 0) outerWindow += payload.readUInt32BE(0);
        else outerStreamWindow += payload.readUInt32BE(0);
      } else if (type === 1 && streamId === tunnelStream) {
        const block = headerBlock([
          [":status", "200"],
          ["content-type", "application/grpc"],
        ]);
        socket.write(frame(1, 4, tunnelStream, block));
        tunnel = new Tunnel(send, wake);
      } else if (type === 0 && (flags & 1) !== 0) {
        socket.write(frame(1, 5, tunnelStream, headerBlock([["grpc-status", "0"]])));
      }
    },
  });
  socket.on("data", (chunk) => {
    const rest = chunk.subarray(Math.min(preface, chunk.length));
    preface -= chunk.length - rest.length;
    frames.push(rest);
    if (toCredit >= windowBytes) {
      socket.write(Buffer.concat([windowUpdate(0, toCredit), windowUpdate(tunnelStream, toCredit)]));
      toCredit = 0;
    }
    flush();
  });
  socket.on("drain", flush);
  socket.on("error", () => {});
  socket.on("close", () => process.exit());
  socket.write(greeting);
}

/** The HTTP/2 client inside the tunnel, with its one call. */
class Tunnel {
  readonly #send: (bytes: Uint8Array) => void;
  readonly #wake: () => void;
  readonly #frames: Splitter;
  readonly #script: Script;
  #window = 65_535;
  #streamWindow = 0;
  #toCredit = 0;
  #waiting: Uint8Array[] = [];

  constructor(send: (bytes: Uint8Array) => void, wake: () => void) {
    this.#send = send;
    this.#wake = wake;
    this.#script = scenario.kind === "upload" ? new Upload(this) : new Download(this);
    const messages = this.#script.splitter();
    this.#frames = frameSplitter({
      data: (_streamId, piece) => {
        this.#toCredit += piece.length;
        messages.push(piece);
      },
      frame: (type, flags, streamId, payload) => this.#control(type, flags, streamId, payload),
    });
    const path = scenario.kind === "upload" ? "FileSync" : "FileSend";
    const block = headerBlock([
      [":method", "POST"],
      [":scheme", "http"],
      [":path", `/moby.filesync.v1.${path}/DiffCopy`],
      [":authority", "localhost"],
      ["content-type", "application/grpc"],
      ["dir-name", "context"],
    ]);
    this.#send(
      Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), greeting, frame(1, 4, 1, block)]),
    );
    this.#wake();
    this.#script.start();
  }

  push(piece: Buffer): void {
    this.#frames.push(piece);
    this.#wake();
    if (this.#toCredit < windowBytes) return;
    this.#send(Buffer.concat([windowUpdate(0, this.#toCredit), windowUpdate(1, this.#toCredit)]));
    this.#toCredit = 0;
  }

  /** Sends messages of the call with the next `drain`. */
  write(bytes: Uint8Array): void {
    this.#waiting.push(bytes);
  }

  /** There is room for more; true if more was made. */
  drain(): boolean {
    return this.#flush() && this.#script.more();
  }

  halfClose(): void {
    this.#send(frame(0, 1, 1, Buffer.alloc(0)));
    this.#wake();
  }

  /** True when everything was sent. */
  #flush(): boolean {
    if (this.#waiting.length === 0) return true;
    const all = this.#waiting.length === 1 ? (this.#waiting[0] ?? empty) : Buffer.concat(this.#waiting);
    const out: Uint8Array[] = [];
    let at = 0;
    while (at < all.length && at < batchBytes && this.#window > 0 && this.#streamWindow > 0) {
      const piece = all.subarray(at, at + Math.min(16_384, this.#window, this.#streamWindow));
      out.push(frame(0, 0, 1, piece));
      at += piece.length;
      this.#window -= piece.length;
      this.#streamWindow -= piece.length;
    }
    this.#waiting = at < all.length ? [all.subarray(at)] : [];
    if (out.length > 0) this.#send(Buffer.concat(out));
    if (out.length > 0) this.#wake();
    return at === all.length;
  }

  #control(type: number, flags: number, streamId: number, payload: Buffer): void {
    if (type === 4 && flags === 0) {
      for (let at = 0; at < payload.length; at += 6) {
        if (payload.readUInt16BE(at) === 4) this.#streamWindow += payload.readUInt32BE(at + 2);
      }
      this.#send(frame(4, 1, 0, Buffer.alloc(0)));
    } else if (type === 8) {
      if (streamId === 0) this.#window += payload.readUInt32BE(0);
      else this.#streamWindow += payload.readUInt32BE(0);
      this.#wake();
    } else if (type === 1 && (flags & 1) !== 0) {
      this.#script.end();
    }
  }
}

interface Script {
  splitter(): Splitter;
  start(): void;
  /** Makes more to send; false when there is none for now. */
  more(): boolean;
  end(): void;
}

const empty = Buffer.alloc(0);

/** Bytes of a packet that tell what it is. */
const packetStart = 64;

/** Asks for every file. */
class Upload implements Script {
  readonly #tunnel: Tunnel;
  readonly #start = performance.now();
  #entries = 0;
  #files = 0;
  #open = 0;
  #bytes = 0;
  #listed = false;

  constructor(tunnel: Tunnel) {
    this.#tunnel = tunnel;
  }

  splitter(): Splitter {
    let length = 0;
    let seen: Buffer = Buffer.alloc(0);
    return new Splitter({
      headerBytes: 5,
      lengthOf: (header) => header.readUInt32BE(1),
      onStart: (header) => {
        length = header.readUInt32BE(1);
        seen = Buffer.alloc(0);
      },
      onPiece: (piece) => {
        // The head of a packet tells what it is.
        if (seen.length === 0) seen = piece.subarray(0, 2048);
        else if (seen.length < packetStart) seen = Buffer.concat([seen, piece.subarray(0, 2048)]);
      },
      onEnd: () => this.#packet(seen, length),
    });
  }

  #packet(head: Buffer, length: number): void {
    if (length === 0) {
      this.#listed = true;
    } else if (head[0] === 0x12) {
      const id = this.#entries++;
      if (isFile(head)) {
        this.#files++;
        this.#open++;
        this.#tunnel.write(message(Buffer.from([0x08, 1, 0x18, ...varint(id)])));
      }
    } else if (head[1] === 2) {
      if (length < 12) this.#open--;
      else this.#bytes += length;
    } else if (head[1] !== 3) {
      throw new Error(`unexpected packet: ${head.toString("latin1")}`);
    }
    if (this.#listed && this.#open === 0) {
      this.#listed = false;
      this.#tunnel.write(message(Buffer.from([0x08, 3])));
    }
  }

  start(): void {}
  more(): boolean {
    return false;
  }

  end(): void {
    report({ files: this.#files, bytes: this.#bytes, ms: performance.now() - this.#start });
  }
}

function isFile(statPacket: Buffer): boolean {
  let at = 1;
  while ((statPacket[at] ?? 0) >= 128) at++;
  at++;
  if (statPacket[at] === 0x0a) {
    let length = 0;
    let shift = 0;
    do {
      at++;
      length |= ((statPacket[at] ?? 0) & 127) << shift;
      shift += 7;
    } while ((statPacket[at] ?? 0) >= 128);
    at += 1 + length;
  }
  // The mode is the next field, and the only one in five bytes that matters.
  let mode = 0;
  if (statPacket[at] === 0x10) {
    for (let shift = 1, byte = 128; byte >= 128; shift *= 128) {
      at++;
      byte = statPacket[at] ?? 0;
      mode += (byte & 127) * shift;
    }
  }
  return (mode & 0x8f280000) === 0;
}

/** Sends files as packets, or bytes as one stream. */
class Download implements Script {
  readonly #tunnel: Tunnel;
  readonly #start = performance.now();
  readonly #source: Generator<Buffer, void>;
  #halfClosed = false;

  constructor(tunnel: Tunnel) {
    this.#tunnel = tunnel;
    this.#source = scenario.kind === "export-tree" ? treePackets() : byteMessages();
  }

  splitter(): Splitter {
    // Requests and the end; they come as fast as entries go, and need no answer but the contents that follow anyway.
    return new Splitter({
      headerBytes: 5,
      lengthOf: (header) => header.readUInt32BE(1),
      onStart: (header) => {
        const isFinish = header.readUInt32BE(1) === 2;
        if (isFinish) this.#tunnel.write(message(Buffer.from([0x08, 3])));
      },
      onPiece: () => {},
      onEnd: () => {},
    });
  }

  start(): void {}

  more(): boolean {
    const next = this.#source.next();
    if (next.done !== true) {
      this.#tunnel.write(next.value);
      return true;
    }
    if (scenario.kind === "export-bytes" && !this.#halfClosed) this.#tunnel.halfClose();
    this.#halfClosed = true;
    return false;
  }

  end(): void {
    report({
      files: scenario.files,
      bytes: scenario.files * scenario.fileBytes,
      ms: performance.now() - this.#start,
    });
  }
}

function* treePackets(): Generator<Buffer, void> {
  const perDirectory = 100;
  let batch: Buffer[] = [];
  const names: { id: number }[] = [];
  let id = 0;
  const folders = Math.ceil(scenario.files / perDirectory);
  for (let folder = 0; folder < folders; folder++) {
    const path = `dir-${String(folder).padStart(6, "0")}`;
    batch.push(message(statPacket(path, 0x800001ed, 0)));
    id++;
    for (let file = 0; file < perDirectory && names.length < scenario.files; file++) {
      const name = `${path}/file-${String(file).padStart(3, "0")}.txt`;
      batch.push(message(statPacket(name, 0o644, scenario.fileBytes)));
      names.push({ id: id++ });
    }
    if (batch.length > 1000) {
      yield Buffer.concat(batch);
      batch = [];
    }
  }
  batch.push(message(Buffer.alloc(0)));
  const data = Buffer.alloc(Math.min(scenario.fileBytes, 32 << 10), "x");
  let bytes = 0;
  for (const { id: file } of names) {
    const tag = [0x08, 2, 0x18, ...varint(file)];
    for (let left = scenario.fileBytes; left > 0; left -= data.length) {
      const piece = data.subarray(0, left);
      batch.push(message(Buffer.concat([Buffer.from([...tag, 0x22, ...varint(piece.length)]), piece])));
      bytes += piece.length;
      if (bytes < batchBytes) continue;
      yield Buffer.concat(batch);
      batch = [];
      bytes = 0;
    }
    batch.push(message(Buffer.from(tag)));
  }
  yield Buffer.concat(batch);
}

function statPacket(path: string, mode: number, size: number): Buffer {
  const stat = Buffer.from([
    0x0a,
    ...varint(path.length),
    ...Buffer.from(path),
    0x10,
    ...varint(mode),
    0x28,
    ...varint(size),
    0x30,
    ...varint(1_700_000_000_000_000),
  ]);
  return Buffer.concat([Buffer.from([0x12, ...varint(stat.length)]), stat]);
}

function* byteMessages(): Generator<Buffer, void> {
  const data = Buffer.alloc(32 << 10, "x");
  const one = message(Buffer.concat([Buffer.from([0x0a, ...varint(data.length)]), data]));
  const batch = Buffer.concat(Array.from({ length: 4 }, () => one));
  const total = scenario.files * scenario.fileBytes;
  for (let sent = 0; sent < total; sent += 4 * data.length) yield batch;
}

function report(result: { files: number; bytes: number; ms: number }): void {
  process.send?.(result);
}
