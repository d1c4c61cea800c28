import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type HttpOptions, http, source } from "@buildkit-node/llb";
import { afterAll, beforeAll } from "vitest";
import { describeGraphs } from "../../support/graph-cases.ts";
import { pgpPublicKey, pgpSignature, signedText } from "../../support/pgp-signature.ts";

let server: Server;
beforeAll(async () => {
  server = createServer(({ url = "", headers }, response) => {
    const body = bodies[url.slice(1)];
    if (body === undefined) response.writeHead(404).end();
    else response.end(body(headers));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterAll(() => server.close());

/** What the server answers, by the name of the file. */
const bodies: Readonly<Record<string, (headers: IncomingHttpHeaders) => string>> = {
  "file.txt": () => "text\n",
  "signed.txt": () => signedText,
  headers: ({ accept, "user-agent": agent }) => `${accept} ${agent}\n`,
  authorization: ({ authorization }) => `${authorization}\n`,
};

const url = (name: string) => `http://127.0.0.1:${(server.address() as AddressInfo).port}/${name}`;
const file = (options: HttpOptions = {}, name = "file.txt") => http(url(name), options);
const digestOf = (text: string) => `sha256:${createHash("sha256").update(text).digest("hex")}`;

describeGraphs(
  "HTTP sources",
  {
    "are a file with the name in the address": {
      state: () => file(),
      look: "cat file.txt; stat -c '%a %u:%g' file.txt",
      prints: "text\n600 0:0",
    },
    "of a file that is not there fail": { state: () => file({}, "nowhere"), fails: /404/ },
    checksum: { state: () => file({ checksum: digestOf("text\n") }), look: "cat *", prints: "text" },
    "checksum: another file fails": {
      state: () => file({ checksum: digestOf("other") }),
      fails: /digest mismatch/,
    },
    filename: { state: () => file({ filename: "renamed" }), look: "ls", prints: "renamed" },
    mode: { state: () => file({ mode: 0o751 }), look: "stat -c %a file.txt", prints: "751" },
    "uid and gid": { state: () => file({ uid: 7, gid: 8 }), look: "stat -c %u:%g file.txt", prints: "7:8" },
    headers: {
      state: () => file({ headers: { accept: "text/odd", userAgent: "odd/1" } }, "headers"),
      look: "cat headers",
      prints: "text/odd odd/1",
    },
    authHeaderSecret: {
      state: () => file({ authHeaderSecret: "authorization" }, "authorization"),
      look: "cat authorization",
      prints: "Bearer opensesame",
    },
    pgpSignature: {
      state: () => file({ pgpSignature: { publicKey: pgpPublicKey, signature: pgpSignature } }, "signed.txt"),
      look: "cat signed.txt",
      prints: signedText.trimEnd(),
    },
    "pgpSignature: of another file fails": {
      state: () => file({ pgpSignature: { publicKey: pgpPublicKey, signature: pgpSignature } }),
      fails: /signature/,
    },
    "source: by identifier and attributes": {
      state: () => source(url("file.txt"), { attrs: { "http.filename": "by-hand" }, caps: ["source.http"] }),
      look: "ls",
      prints: "by-hand",
    },
    "source: of a scheme that no daemon knows fails": {
      state: () => source("gopher://127.0.0.1/"),
      fails: /gopher|scheme|unknown|no available/,
    },
  },
  { solve: () => ({ secrets: { authorization: { value: "Bearer opensesame" } } }) },
);
