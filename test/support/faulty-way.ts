import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { createDialer, parseAddress } from "@buildkit-node/transport";

/** A way to a daemon on which things go wrong when a test says so. */
export interface FaultyWay extends AsyncDisposable {
  /** As `connect()` takes it. */
  readonly address: string;
  /** The client loses its connections; the daemon is not told, as when a network breaks. */
  breakConnections(): void;
  /** The client loses its connection in the middle of what the daemon says, once so many bytes of it have come. */
  breakAfter(bytes: number): void;
  /** From now on nothing that the daemon says arrives, until `release`. */
  hold(): void;
  release(): void;
}

/** Serves a daemon on a unix socket. */
export async function faultyWay(to: string, path: string): Promise<FaultyWay> {
  const dialer = await createDialer(parseAddress(to));
  const near = new Set<Socket>();
  const gone = new AbortController();
  let held: (() => void)[] | undefined;
  let left = Number.POSITIVE_INFINITY;
  const pass = (act: () => void): void => void (held === undefined ? act() : held.push(act));
  const join = async (client: Socket): Promise<void> => {
    near.add(client);
    client.on("error", () => {});
    const daemon = await dialer.dial(gone.signal);
    gone.signal.addEventListener("abort", () => daemon.destroy());
    daemon.on("error", () => {});
    daemon.on("data", (data: Buffer) =>
      pass(() => {
        if (client.destroyed) return;
        client.write(data.subarray(0, left));
        left -= data.length;
        if (left <= 0) client.destroySoon();
      }),
    );
    client.on("data", (data) => void daemon.write(data));
    // What the client ends itself, the daemon learns of.
    client.on("end", () => daemon.destroy());
  };
  const server = createServer((client) => void join(client));
  server.listen(path);
  await once(server, "listening");
  const breakConnections = () => {
    for (const client of near) client.destroy();
    near.clear();
  };
  return {
    address: `unix://${path}`,
    breakConnections,
    breakAfter: (bytes) => {
      left = bytes;
    },
    hold: () => {
      held ??= [];
    },
    release: () => {
      const acts = held ?? [];
      held = undefined;
      for (const act of acts) act();
    },
    [Symbol.asyncDispose]: async () => {
      breakConnections();
      gone.abort();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
