import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type Packet, Packet_PacketType, PacketSchema, type Stat } from "@buildkit-node/proto/fsutil";
import type { DaemonCall } from "./scripted-daemon.ts";

/** Mode bits of Go, as they travel. */
export const modeBits = {
  directory: 0x80000000,
  symlink: 0x08000000,
  pipe: 0x02000000,
  setuid: 0x00800000,
} as const;

/** An entry in the shape in which tests look at it. */
export interface SeenEntry {
  readonly path: string;
  readonly mode: number;
  readonly size: number;
  readonly linkname: string;
  readonly mtimeNs: bigint;
  readonly uid: number;
}

export type StatInit = Partial<Omit<Stat, "path" | "linkname" | "$typeName" | "$unknown">> & {
  readonly path: string | Buffer;
  readonly linkname?: string;
};

export function sendStat(call: DaemonCall, stat: StatInit): void {
  const { path, linkname = "", ...rest } = stat;
  call.send(
    toBinary(
      PacketSchema,
      create(PacketSchema, {
        type: Packet_PacketType.PACKET_STAT,
        stat: { mode: 0o644, ...rest, path: Buffer.from(path), linkname: Buffer.from(linkname) },
      }),
    ),
  );
}

export function sendPacket(
  call: DaemonCall,
  type: "STAT" | "REQ" | "DATA" | "FIN" | "ERR",
  fields: { readonly id?: number; readonly data?: Uint8Array } = {},
): void {
  const { id = 0, data = Buffer.alloc(0) } = fields;
  call.send(
    toBinary(PacketSchema, create(PacketSchema, { type: Packet_PacketType[`PACKET_${type}`], ID: id, data })),
  );
}

export async function receivePacket(call: DaemonCall): Promise<Packet | undefined> {
  const message = await call.receive();
  return message === undefined ? undefined : fromBinary(PacketSchema, message);
}

/** What a whole transfer to the daemon came to. */
export interface ReceivedTree {
  readonly entries: SeenEntry[];
  /** Contents by path. */
  readonly files: Map<string, Buffer>;
  readonly error: string | undefined;
}

/** Receives a tree as a daemon does: asks for every file, or those that `wants` says, and says when it has them. */
export async function receiveWhole(
  call: DaemonCall,
  options: { readonly wants?: (entry: SeenEntry) => boolean; readonly encoding?: BufferEncoding } = {},
): Promise<ReceivedTree> {
  const { wants = () => true, encoding = "utf8" } = options;
  const entries: SeenEntry[] = [];
  const open = new Map<number, Buffer[]>();
  const files = new Map<string, Buffer>();
  let listed = false;
  let finished = false;
  let error: string | undefined;
  for (let packet = await receivePacket(call); packet !== undefined; packet = await receivePacket(call)) {
    if (packet.type === Packet_PacketType.PACKET_STAT && packet.stat !== undefined) {
      const entry = seen(packet.stat, encoding);
      const id = entries.push(entry) - 1;
      const regular = (entry.mode & 0x8f280000) === 0 && entry.linkname === "";
      if (regular && wants(entry)) {
        open.set(id, []);
        sendPacket(call, "REQ", { id });
      }
    } else if (packet.type === Packet_PacketType.PACKET_STAT) {
      listed = true;
    } else if (packet.type === Packet_PacketType.PACKET_DATA) {
      const pieces = open.get(packet.ID);
      if (pieces === undefined) throw new Error(`contents of ${packet.ID} came unasked`);
      if (packet.data.length > 0) {
        pieces.push(Buffer.from(packet.data));
      } else {
        files.set(entries[packet.ID]?.path ?? "", Buffer.concat(pieces));
        open.delete(packet.ID);
      }
    } else if (packet.type === Packet_PacketType.PACKET_ERR) {
      error = Buffer.from(packet.data).toString();
      call.cancel();
      break;
    } else if (packet.type === Packet_PacketType.PACKET_FIN) {
      finished = true;
      call.halfClose();
    }
    if (listed && open.size === 0 && !finished) sendPacket(call, "FIN");
  }
  return { entries, files, error };
}

function seen(stat: Stat, encoding: BufferEncoding): SeenEntry {
  return {
    path: Buffer.from(stat.path).toString(encoding),
    mode: stat.mode,
    size: Number(stat.size),
    linkname: Buffer.from(stat.linkname).toString(encoding),
    mtimeNs: stat.modTime,
    uid: stat.uid,
  };
}
