import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";

/** A Docker Engine by its own API, on a unix socket, with nothing of ours between. */
export interface EngineApi {
  /** Runs an image with its own command, without a network, and gives what it wrote to stdout. */
  run(image: string): Promise<string>;
  /** The image's document; `undefined` for one that the engine does not have. */
  inspect(image: string): Promise<{ readonly Id: string; readonly RepoTags: readonly string[] } | undefined>;
  /** The image's archive. */
  save(image: string): Promise<Buffer>;
  remove(image: string): Promise<void>;
}

/** The path in `docker:///path` and `docker://unix:///path`. */
export function socketOf(address: string): string {
  return address.replace(/^docker:\/\/(unix:\/\/)?/, "");
}

/** @param address `docker:///path` */
export function engineApi(address: string): EngineApi {
  const socketPath = socketOf(address);
  const call = (method: string, path: string, body?: object) => callApi(socketPath, method, path, body);
  return {
    async run(image) {
      const container = { Image: image, HostConfig: { NetworkMode: "none" } };
      const { Id } = json(await call("POST", "/containers/create", container));
      try {
        expectStatus(await call("POST", `/containers/${Id}/start`));
        const { StatusCode } = json(await call("POST", `/containers/${Id}/wait`));
        const logs = expectStatus(await call("GET", `/containers/${Id}/logs?stdout=1&stderr=1`));
        const text = demultiplexed(logs.body);
        if (StatusCode !== 0) throw new Error(`the container exited with ${StatusCode}: ${text}`);
        return text;
      } finally {
        await call("DELETE", `/containers/${Id}?force=1`);
      }
    },
    async inspect(image) {
      const answer = await call("GET", `/images/${encodeURIComponent(image)}/json`);
      return answer.status === 404 ? undefined : json(answer);
    },
    async save(image) {
      return expectStatus(await call("GET", `/images/${encodeURIComponent(image)}/get`)).body;
    },
    async remove(image) {
      expectStatus(await call("DELETE", `/images/${encodeURIComponent(image)}?force=1`));
    },
  };
}

interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

async function callApi(socketPath: string, method: string, path: string, body?: object): Promise<Answer> {
  const headers = { "content-type": "application/json" };
  const sent = request({ socketPath, method, path, headers, agent: false });
  sent.end(body === undefined ? undefined : JSON.stringify(body));
  const [response]: IncomingMessage[] = await once(sent, "response");
  const pieces: Buffer[] = [];
  for await (const piece of response ?? []) pieces.push(piece);
  return { status: response?.statusCode ?? 0, body: Buffer.concat(pieces) };
}

function expectStatus(answer: Answer): Answer {
  if (answer.status < 300) return answer;
  throw new Error(`the engine answered with ${answer.status}: ${answer.body.toString()}`);
}

function json(answer: Answer) {
  return JSON.parse(expectStatus(answer).body.toString());
}

/** Logs come in frames: a stream's number, three zeros, a length, the bytes. */
function demultiplexed(logs: Buffer): string {
  const texts: string[] = [];
  for (let at = 0; at + 8 <= logs.length; ) {
    const length = logs.readUInt32BE(at + 4);
    texts.push(logs.toString("utf8", at + 8, at + 8 + length));
    at += 8 + length;
  }
  return texts.join("");
}
