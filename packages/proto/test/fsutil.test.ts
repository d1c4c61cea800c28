import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Packet_PacketType, PacketSchema, StatSchema } from "@buildkit-node/proto/fsutil";
import { describe, expect, it } from "vitest";

const invalidUtf8 = Uint8Array.of(0x61, 0xff, 0x62);

describe("Stat", () => {
  it("keeps names that are not UTF-8", () => {
    const bytes = toBinary(StatSchema, create(StatSchema, { path: invalidUtf8, linkname: invalidUtf8 }));
    expect(Buffer.from(bytes).toString("hex")).toBe("0a0361ff62" + "3a0361ff62");
    const stat = fromBinary(StatSchema, bytes);
    expect(stat.path).toEqual(invalidUtf8);
    expect(stat.linkname).toEqual(invalidUtf8);
  });

  it("keeps the highest mode bit and nanoseconds", () => {
    const stat = create(StatSchema, { mode: 0x8000_01ed, modTime: 1_700_000_000_123_456_789n });
    const read = fromBinary(StatSchema, toBinary(StatSchema, stat));
    expect(read.mode).toBe(0x8000_01ed);
    expect(read.modTime).toBe(1_700_000_000_123_456_789n);
  });
});

describe("Packet", () => {
  it("ends a listing with no bytes at all", () => {
    const end = create(PacketSchema, { type: Packet_PacketType.PACKET_STAT });
    expect(toBinary(PacketSchema, end)).toHaveLength(0);
    expect(fromBinary(PacketSchema, new Uint8Array()).stat).toBeUndefined();
  });

  it("refuses a packet that is cut off", () => {
    expect(() => fromBinary(PacketSchema, Uint8Array.of(0x12, 0x05, 0x0a))).toThrow();
  });
});
