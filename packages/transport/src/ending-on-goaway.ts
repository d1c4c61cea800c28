import { Duplex } from "node:stream";
import { clientPreface, FrameType, frameHeaderBytes } from "./http2-server/frame.ts";

/**
 * A pipe for an HTTP/2 client that ends once the client gives the connection up. Node does so when an answer's headers are too
 * large to be read; its release 20 then says nothing of it, and every call on the connection waits for ever.
 */
export function endingOnGoaway(pipe: Duplex & { ref?(): unknown; unref?(): unknown }): Duplex {
  const saysGoaway = goawayScanner();
  const outer = new Duplex({
    read: () => void pipe.resume(),
    write: (chunk: Buffer, _encoding, done) => {
      pipe.write(chunk, done);
      if (saysGoaway(chunk)) setImmediate(() => outer.destroy(unreadable()));
    },
    final: (done) => void pipe.end(done),
    destroy: (error, done) => {
      pipe.destroy();
      done(error);
    },
  });
  pipe.on("data", (chunk: Buffer) => void (outer.push(chunk) || pipe.pause()));
  pipe.on("end", () => outer.push(null));
  pipe.on("error", (error) => outer.destroy(error));
  pipe.on("close", () => outer.destroy());
  return Object.assign(outer, { ref: () => pipe.ref?.(), unref: () => pipe.unref?.() });
}

/** With the code that releases of Node give it that say something. */
function unreadable(): Error {
  return Object.assign(new Error("an answer cannot be read: its headers are too large"), {
    code: "ERR_HTTP2_ERROR",
  });
}

/** Tells whether a GOAWAY frame begins in a piece of what a client writes; pieces come in order. */
function goawayScanner(): (piece: Buffer) => boolean {
  let skip = clientPreface.length;
  let head = Buffer.alloc(0);
  return (piece) => {
    for (let at = 0; at < piece.length; ) {
      const skipped = Math.min(skip, piece.length - at);
      skip -= skipped;
      at += skipped;
      const rest = piece.subarray(at, at + frameHeaderBytes - head.length);
      head = Buffer.concat([head, rest]);
      at += rest.length;
      if (head.length < frameHeaderBytes) return false;
      if (head[3] === FrameType.goAway) return true;
      skip = head.readUIntBE(0, 3);
      head = Buffer.alloc(0);
    }
    return false;
  };
}
