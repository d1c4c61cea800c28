import type { Duplex } from "node:stream";
import { Http2Code, Setting } from "./frame.ts";
import type { HeaderBlock } from "./header-blocks.ts";
import { Http2Endpoint, streamWindowBytes } from "./http2-endpoint.ts";
import { Http2Error } from "./http2-error.ts";
import { Http2Stream } from "./http2-stream.ts";

/** Calls at a time; a daemon makes a handful. */
const maxStreams = 4096;

/** The side that is called: by a daemon, through a session. It never says GOAWAY unless the daemon breaks the protocol. */
export class Http2Server extends Http2Endpoint {
  protected lastPeerStreamId = 0;
  readonly #onStream: (stream: Http2Stream) => void;

  constructor(pipe: Duplex, onStream: (stream: Http2Stream) => void) {
    super(pipe, "client");
    this.#onStream = onStream;
    this.greet([[Setting.initialWindowSize, streamWindowBytes]]);
  }

  protected override receivedHeaders({ streamId, endStream, lines }: HeaderBlock): void {
    if (streamId % 2 === 0)
      throw new Http2Error(Http2Code.protocolError, "a request has an even stream number");
    const existing = this.streams.get(streamId);
    if (existing !== undefined) {
      existing.receiver.headers(lines);
      if (endStream && !existing.remoteEnded) existing.receivedEnd();
      return;
    }
    if (streamId <= this.lastPeerStreamId) return;
    this.lastPeerStreamId = streamId;
    if (this.streams.size >= maxStreams) {
      this.writer.sendReset(streamId, Http2Code.refusedStream);
      return;
    }
    const stream = new Http2Stream({
      role: "server",
      requestHeaders: lines,
      owner: this,
      receiveWindow: streamWindowBytes,
    });
    stream.begin(streamId, this.peerStreamWindow);
    this.streams.set(streamId, stream);
    this.#onStream(stream);
    if (endStream) stream.receivedEnd();
  }
}
