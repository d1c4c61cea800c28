import { once } from "node:events";
import { constants, createServer, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import {
  type Connection,
  createDialer,
  type MetadataPairs,
  openConnection,
  parseAddress,
} from "@buildkit-node/transport";

/** What a proxy lets an answer have in headers. */
const limitBytes = 62_000;

/** A proxy before a daemon, on a unix socket. As proxies do, it gives up a call whose answer has more headers than it takes. */
export async function headerLimit(to: string, path: string): Promise<AsyncDisposable & { address: string }> {
  const dialer = await createDialer(parseAddress(to));
  const daemon = await openConnection(dialer, { signal: AbortSignal.timeout(10_000) });
  const server = createServer();
  server.on("stream", (stream, headers) => passOn(daemon, stream, headers));
  server.on("session", (session) => session.on("error", () => {}));
  server.listen(path);
  await once(server, "listening");
  return {
    address: `unix://${path}`,
    [Symbol.asyncDispose]: async () => {
      await daemon.close();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function passOn(
  daemon: Connection,
  stream: ServerHttp2Stream,
  { ":path": path = "", ...rest }: IncomingHttpHeaders,
): void {
  const metadata = Object.entries(rest).flatMap(([name, value]) =>
    typeof value === "string" && !/^:|^(te|content-type)$/.test(name) ? [[name, value] as const] : [],
  );
  let trailers: Record<string, string> | undefined;
  stream.on("error", () => {}).on("wantTrailers", () => stream.sendTrailers(trailers ?? {}));
  const call = daemon.openStream(path, metadata, {
    headers: (lines) => {
      if (headerBytes(lines) > limitBytes) stream.close(constants.NGHTTP2_INTERNAL_ERROR);
      else if (stream.headersSent) trailers = Object.fromEntries(lines);
      else stream.respond(Object.fromEntries(lines), { waitForTrailers: true });
    },
    data: (piece) => {
      stream.write(piece);
      call.consumed(piece.length);
    },
    end: () => void stream.end(),
    lost: () => stream.close(constants.NGHTTP2_CANCEL),
    drain: () => {},
  });
  stream.on("data", (piece: Buffer) => void call.write(piece)).on("end", () => call.end());
  stream.on("close", () => call.reset(constants.NGHTTP2_CANCEL));
}

function headerBytes(lines: MetadataPairs): number {
  return lines.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
}
