import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** A registry that is there, and answers every question about a repository alike. */
export interface ScriptedRegistry extends AsyncDisposable {
  readonly host: string;
  /** Resolves with the first question. */
  readonly asked: Promise<void>;
}

/** @param status of all answers; `hang` for none */
export async function startScriptedRegistry(status: number | "hang"): Promise<ScriptedRegistry> {
  let ask = () => {};
  const asked = new Promise<void>((resolve) => {
    ask = resolve;
  });
  const server = createServer((request, response) => {
    if (request.url === "/v2/") return response.end("{}");
    ask();
    if (status === "hang") return response;
    const errors = [{ code: "SCRIPTED", message: `scripted answer ${status}` }];
    response.writeHead(status, { "content-type": "application/json" });
    return response.end(JSON.stringify({ errors }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
