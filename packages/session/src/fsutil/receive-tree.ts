import { BuildkitError, errorMessage } from "@buildkit-node/core";
import type { ServerCall } from "@buildkit-node/transport";
import { MessageBatch } from "@buildkit-node/transport/internal";
import { isRegular } from "./file-mode.ts";
import type { TargetFile } from "./file-writer.ts";
import { OrderValidator } from "./order-validator.ts";
import {
  decodePacket,
  type Packet,
  PacketType,
  writeErrorPacket,
  writeFinishPacket,
  writeRequestPacket,
} from "./packet.ts";
import type { FileStat } from "./stat.ts";
import type { TreeWriter } from "./tree-writer.ts";
import { Turn } from "./turn.ts";

/**
 * Receives a tree from a daemon over a `DiffCopy` call and writes it. Every file is asked for. Resolves once everything
 * is written and the daemon knows it; on failure the daemon is told why.
 */
export async function receiveTree(call: ServerCall, writer: TreeWriter): Promise<void> {
  await new TreeReceiver(call, writer).run();
}

class TreeReceiver {
  readonly #call: ServerCall;
  readonly #writer: TreeWriter;
  readonly #batch: MessageBatch;
  readonly #validator = new OrderValidator();
  /** By the number of their entry: files that were asked for and are not complete. */
  readonly #files: (TargetFile | undefined)[] = [];
  #incomplete = 0;
  #allListed = false;
  #finishing: Promise<void> | undefined;
  /** Whether everything is written and the daemon has been told. */
  #finished = false;
  #turn: Turn | undefined;

  constructor(call: ServerCall, writer: TreeWriter) {
    this.#call = call;
    this.#writer = writer;
    // A request is a few bytes: there is always room for as many as there are entries.
    this.#batch = new MessageBatch((bytes) => call.sendFramed(bytes), 16 << 10);
  }

  async run(): Promise<void> {
    try {
      await this.#receive();
    } catch (error) {
      if (!this.#call.signal.aborted) {
        writeErrorPacket(this.#batch, errorMessage(error));
        this.#batch.flush();
      }
      throw error;
    }
  }

  #receive(): Promise<void> {
    return new Promise((resolve, reject) => {
      const onMessage = (message: Buffer) => {
        const packet = decodePacket(message);
        if (packet.type === PacketType.finish) {
          if (this.#finishing === undefined)
            throw protocolError("the daemon ended the transfer before everything was written");
          resolve(this.#finishing);
        } else {
          this.#handle(packet);
          this.#finishWhenComplete(reject);
        }
        this.#takeTurns();
      };
      this.#call.read(onMessage).then(
        () => reject(protocolError("the daemon ended the transfer half-way")),
        // A daemon that knows that all is written may give the call up before its own last packet has left.
        (error: unknown) => (this.#finished && this.#call.signal.aborted ? resolve() : reject(error)),
      );
    });
  }

  #handle(packet: Packet): void {
    switch (packet.type) {
      case PacketType.stat:
        if (packet.stat === undefined) this.#allListed = true;
        else this.#add(packet.stat);
        break;
      case PacketType.data:
        this.#write(packet.id, packet.data);
        break;
      case PacketType.error:
        throw protocolError(`the daemon gave up the transfer: ${packet.data.toString()}`);
      default:
        throw protocolError(`the daemon sent a packet of type ${packet.type} out of turn`);
    }
  }

  #add(stat: FileStat): void {
    if (this.#allListed) throw protocolError("the daemon sent an entry behind the last one");
    const path = this.#validator.check(stat);
    if (!isRegular(stat.mode) || stat.linkname !== "") {
      this.#files.push(undefined);
      this.#writer.add(path, stat);
      return;
    }
    const id = this.#files.push(this.#writer.expect(path, stat)) - 1;
    this.#incomplete++;
    writeRequestPacket(this.#batch, id);
  }

  #write(id: number, piece: Buffer): void {
    const file = this.#files[id];
    if (file === undefined)
      throw protocolError(`the daemon sent contents of entry ${id}, which were not asked for`);
    if (!this.#writer.write(file, piece)) return;
    this.#files[id] = undefined;
    this.#incomplete--;
  }

  #finishWhenComplete(onError: (error: unknown) => void): void {
    if (!this.#allListed || this.#incomplete > 0 || this.#finishing !== undefined) return;
    this.#finishing = this.#writer.finish().then(() => {
      writeFinishPacket(this.#batch);
      this.#batch.flush();
      this.#finished = true;
    });
    this.#finishing.catch(onError);
  }

  /** At the end of what came at once, requests are sent; when that takes long, others run in between. */
  #takeTurns(): void {
    if (this.#turn === undefined) {
      const turn = new Turn();
      this.#turn = turn;
      setImmediate(() => {
        this.#turn = undefined;
        this.#batch.flush();
        this.#call.resume();
      });
    } else if (this.#turn.over) {
      this.#call.pause();
    }
  }
}

function protocolError(message: string): BuildkitError {
  return new BuildkitError("ERR_BUILDKIT_PROTOCOL", message);
}
