import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

/** The fields of a `ReadContentResponse`. */
const offsetField = 1;
const dataField = 2;

/** The gRPC prefix: a compression flag and the length. */
const prefixBytes = 5;

/**
 * Everything of a framed `ReadContentResponse` that precedes its data, so that the data is sent from where it was read
 * to. Offsets count from the beginning of the call.
 */
export function readResponseHead(offsetBytes: number, dataBytes: number): Buffer {
  const writer = new BinaryWriter();
  if (offsetBytes > 0) writer.tag(offsetField, WireType.Varint).int64(offsetBytes);
  const fields = writer.tag(dataField, WireType.LengthDelimited).uint32(dataBytes).finish();
  const head = Buffer.alloc(prefixBytes + fields.length);
  head.writeUInt32BE(fields.length + dataBytes, 1);
  head.set(fields, prefixBytes);
  return head;
}
