// The least that a cached build can cost in Node: `node:http2` alone, a request that is marshalled already, and both calls that a
// build needs, Solve and Status, whose answers are read and not understood.
import { randomUUID } from "node:crypto";
import { connect } from "node:http2";
import { createConnection } from "node:net";

/** @param address `unix:///path` */
export function openRaw(address) {
  const path = address.replace("unix://", "");
  return connect("http://localhost", { createConnection: () => createConnection(path) });
}

/** @param definition the serialised `pb.Definition` */
export async function rawBuild(session, definition) {
  const ref = field(1, Buffer.from(randomUUID()));
  await Promise.all([
    call(session, "Solve", Buffer.concat([ref, field(2, definition)])),
    call(session, "Status", ref),
  ]);
}

function call(session, method, message) {
  const stream = session.request({
    ":method": "POST",
    ":path": `/moby.buildkit.v1.Control/${method}`,
    "content-type": "application/grpc",
    te: "trailers",
  });
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  stream.end(Buffer.concat([prefix, message]));
  return new Promise((resolve, reject) => {
    stream.once("error", reject).once("trailers", ({ "grpc-status": status }) => {
      if (status === "0") resolve();
      else reject(new Error(`${method} ended with status ${status}`));
    });
    stream.resume();
  });
}

/** A field with bytes, of a number below 16. */
function field(number, bytes) {
  const head = [(number << 3) | 2];
  let rest = bytes.length;
  for (; rest >= 0x80; rest >>>= 7) head.push((rest & 0x7f) | 0x80);
  return Buffer.concat([Buffer.from([...head, rest]), bytes]);
}
