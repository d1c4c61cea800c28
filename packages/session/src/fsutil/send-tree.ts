import { BuildkitError } from "@buildkit-node/core";
import type { ServerCall } from "@buildkit-node/transport";
import { MessageBatch, prefixBytes, writePrefix } from "@buildkit-node/transport/internal";
import {
  dataPrefixLength,
  decodePacket,
  PacketType,
  writeDataPrefix,
  writeEndOfData,
  writeEndOfStats,
  writeErrorPacket,
  writeFinishPacket,
  writeStatPacket,
} from "./packet.ts";
import type { PathFilter } from "./path-filter.ts";
import type { FileStat } from "./stat.ts";
import type { OpenFile, Tree } from "./tree.ts";
import { Turn } from "./turn.ts";
import { walkInLots } from "./walk.ts";

/** What is read of a file at once; most files end here. */
const firstReadBytes = 64 << 10;
/** What is read of a large file at a time. */
const blockBytes = 512 << 10;
/** What a file is given that was expected to have less. */
const minBlockBytes = 16 << 10;
/** Large files that are read at a time. */
const maxLargeFiles = 4;

/**
 * Sends what a filter lets through of a tree to a daemon over a `DiffCopy` call: the entries in order, and in between the
 * contents of the files that the daemon asks for. Resolves once the daemon has said that it has everything.
 */
export async function sendTree<File>(
  call: ServerCall,
  tree: Tree<File>,
  filter: PathFilter,
  observer?: SendObserver,
): Promise<void> {
  await new TreeSender(call, tree, filter, observer).run();
}

/** Is told of what is sent. */
export interface SendObserver {
  /** An entry was listed. */
  listed(stat: FileStat): void;
  /** A piece of a file's contents is on its way. */
  sent(bytes: number): void;
  /** All of a file's contents are. */
  fileSent(): void;
}

class TreeSender<File> {
  readonly #call: ServerCall;
  readonly #tree: Tree<File>;
  readonly #filter: PathFilter;
  readonly #observer: SendObserver | undefined;
  readonly #batch: MessageBatch;
  /** Files by the number of their entry; each is forgotten when it is asked for. */
  readonly #files: (File | undefined)[] = [];
  /** By the same numbers: bytes of each entry as they were listed. */
  readonly #sizes: number[] = [];
  readonly #requests = new NumberQueue();
  #wakeSender: (() => void) | undefined;
  #room = true;
  /** Ends the transfer with the failure of a large file. */
  #break: (error: unknown) => void = () => {};
  readonly #stopped = new AbortController();
  #finished = false;

  constructor(call: ServerCall, tree: Tree<File>, filter: PathFilter, observer: SendObserver | undefined) {
    this.#call = call;
    this.#tree = tree;
    this.#filter = filter;
    this.#observer = observer;
    this.#batch = new MessageBatch((bytes) => {
      this.#room = call.sendFramed(bytes);
    });
  }

  async run(): Promise<void> {
    const broken = new Promise<never>((_resolve, reject) => {
      this.#break = reject;
    });
    const sending = this.#sendFiles();
    try {
      await Promise.race([broken, Promise.all([this.#receive(), this.#sendEntries(), sending])]);
    } catch (error) {
      this.#stop();
      if (!this.#call.signal.aborted) {
        writeErrorPacket(this.#batch, error instanceof Error ? error.message : String(error));
        this.#batch.flush();
      }
      throw error;
    } finally {
      // Files that are still open close themselves once their reads are done.
      await Promise.allSettled([sending]);
    }
  }

  #stop(): void {
    this.#stopped.abort();
    this.#wakeSender?.();
  }

  /** Takes what the daemon sends until it has everything. */
  async #receive(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const onMessage = (message: Buffer) => {
        const packet = decodePacket(message);
        switch (packet.type) {
          case PacketType.request:
            this.#requests.push(packet.id);
            this.#wakeSender?.();
            break;
          case PacketType.finish:
            this.#finished = true;
            writeFinishPacket(this.#batch);
            this.#batch.flush();
            this.#stop();
            resolve();
            break;
          case PacketType.error:
            throw new BuildkitError(
              "ERR_BUILDKIT_PROTOCOL",
              `the daemon gave up the transfer: ${packet.data.toString()}`,
            );
          default:
            throw new BuildkitError(
              "ERR_BUILDKIT_PROTOCOL",
              `the daemon sent a packet of type ${packet.type} out of turn`,
            );
        }
      };
      this.#call.read(onMessage).then(() => {
        if (!this.#finished)
          reject(new BuildkitError("ERR_BUILDKIT_PROTOCOL", "the daemon ended the transfer half-way"));
      }, reject);
    });
  }

  async #sendEntries(): Promise<void> {
    for await (const lot of walkInLots(this.#tree, this.#filter)) {
      if (this.#stopped.signal.aborted) return;
      for (const { stat, file } of lot) {
        this.#files.push(file);
        this.#sizes.push(stat.size);
        writeStatPacket(this.#batch, stat);
        this.#observer?.listed(stat);
      }
      this.#batch.flush();
      if (!this.#room) await this.#call.writable();
    }
    writeEndOfStats(this.#batch);
    this.#batch.flush();
  }

  async #sendFiles(): Promise<void> {
    const large = new Set<Promise<void>>();
    try {
      const turn = new Turn();
      while (!this.#stopped.signal.aborted) {
        const id = this.#requests.shift();
        if (id === undefined) {
          this.#batch.flush();
          await this.#nextRequest();
          continue;
        }
        const rest = this.#sendFirst(id);
        if (rest !== undefined) {
          const work = this.#sendRest(id, rest)
            .catch((error: unknown) => this.#break(error))
            .finally(() => large.delete(work));
          large.add(work);
          if (large.size >= maxLargeFiles) await Promise.race(large);
        }
        if (!this.#room) await this.#call.writable();
        if (turn.over) {
          this.#batch.flush();
          await turn.next();
        }
      }
    } finally {
      await Promise.all(large);
    }
  }

  #nextRequest(): Promise<void> {
    if (this.#requests.length > 0 || this.#stopped.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wakeSender = resolve;
    });
  }

  /** Sends a file's beginning, which for most is all there is. Answers the open file if there is, or may be, more. */
  #sendFirst(id: number): OpenFile | undefined {
    const file = this.#files[id];
    if (file === undefined) {
      throw new BuildkitError(
        "ERR_BUILDKIT_PROTOCOL",
        `the daemon asked for entry ${id}, which is no file or was sent already`,
      );
    }
    this.#files[id] = undefined;
    const open = this.#tree.open(file, this.#stopped.signal, this.#sizes[id] ?? 0);
    if (open.readSync === undefined) return open;
    let whole = true;
    try {
      const prefix = prefixBytes + dataPrefixLength(id);
      const at = this.#batch.reserve(prefix + firstReadBytes);
      const length = open.readSync(this.#batch.block, at + prefix, firstReadBytes);
      if (length > 0) {
        writePrefix(this.#batch.block, at, dataPrefixLength(id) + length);
        writeDataPrefix(this.#batch.block, at + prefixBytes, id, length);
        this.#batch.commit(at + prefix + length);
        this.#observer?.sent(length);
      }
      whole = length < firstReadBytes;
    } finally {
      if (whole) open.close();
    }
    if (!whole) return open;
    writeEndOfData(this.#batch, id);
    this.#observer?.fileSent();
    return undefined;
  }

  /** Sends the rest of a file; the next block is read while one is on its way. */
  async #sendRest(id: number, file: OpenFile): Promise<void> {
    const prefix = prefixBytes + dataPrefixLength(id);
    const expected = Math.max(file.expectedBytes ?? blockBytes, minBlockBytes);
    // With room for one byte more the end is seen with the last piece.
    const room = Math.min(blockBytes, prefix + expected + 1);
    const readBlock = async () => {
      const block = Buffer.allocUnsafeSlow(room);
      const length = await file.read(block, prefix, room - prefix);
      if (length === 0) return undefined;
      writePrefix(block, 0, dataPrefixLength(id) + length);
      writeDataPrefix(block, prefixBytes, id, length);
      this.#observer?.sent(length);
      return block.subarray(0, prefix + length);
    };
    let next = readBlock();
    try {
      for (let block = await next; block !== undefined && !this.#stopped.signal.aborted; block = await next) {
        next = readBlock();
        this.#batch.flush();
        this.#room = this.#call.sendFramed(block);
        if (!this.#room) await this.#call.writable();
      }
    } finally {
      await Promise.allSettled([next]);
      file.close();
    }
    writeEndOfData(this.#batch, id);
    this.#batch.flush();
    this.#observer?.fileSent();
  }
}

/** First in, first out; long ones are not moved at each step. */
class NumberQueue {
  #numbers: number[] = [];
  #head = 0;

  get length(): number {
    return this.#numbers.length - this.#head;
  }

  push(number: number): void {
    this.#numbers.push(number);
  }

  shift(): number | undefined {
    if (this.#head === 4096) {
      this.#numbers = this.#numbers.slice(this.#head);
      this.#head = 0;
    }
    return this.#head < this.#numbers.length ? this.#numbers[this.#head++] : undefined;
  }
}
