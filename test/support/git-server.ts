import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { freePort, untilListening } from "./ports.ts";

/** A folder of repositories, served by `git daemon` and over HTTP. */
export interface GitServer extends AsyncDisposable {
  /** `127.0.0.1:port` of the `git://` protocol. */
  readonly git: string;
  /** `127.0.0.1:port` of HTTP. */
  readonly http: string;
  /** The `Authorization` headers that came over HTTP. */
  readonly authorizations: readonly string[];
}

/** Runs git in a folder, with an identity and without the machine's configuration; gives what it prints. */
export function git(folder: string, ...args: readonly string[]): string {
  const env = {
    ...process.env,
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_CONFIG_SYSTEM: "/dev/null",
    GIT_AUTHOR_DATE: "2001-09-09T01:46:40Z",
    GIT_COMMITTER_DATE: "2001-09-09T01:46:40Z",
  };
  const identity = [
    "-c",
    "user.name=test",
    "-c",
    "user.email=test@example.com",
    "-c",
    "protocol.file.allow=always",
  ];
  return execFileSync("git", [...identity, ...args], {
    cwd: folder,
    env,
    encoding: "utf8",
    stdio: "pipe",
  }).trim();
}

/** Makes a repository, with the branch `main`. */
export function initRepository(folder: string): void {
  mkdirSync(folder, { recursive: true });
  git(folder, "init", "-q", "-b", "main");
  // Commits are fetched by their names too.
  git(folder, "config", "uploadpack.allowAnySHA1InWant", "true");
}

/** Writes files and commits everything; gives the commit. */
export function commit(folder: string, message: string, files: Readonly<Record<string, string>>): string {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), content);
  }
  git(folder, "add", "-A");
  git(folder, "commit", "-q", "-m", message);
  return git(folder, "rev-parse", "HEAD");
}

/** @param secret below `/private/` HTTP wants this in the `Authorization` header */
export async function startGitServer(folder: string, secret: string): Promise<GitServer> {
  const port = await freePort();
  const daemon = spawn(
    path.join(execFileSync("git", ["--exec-path"], { encoding: "utf8" }).trim(), "git-daemon"),
    ["--export-all", "--listen=127.0.0.1", `--port=${port}`, `--base-path=${folder}`, folder],
    { stdio: "ignore" },
  );
  const exited = once(daemon, "exit");
  const authorizations: string[] = [];
  const server = createServer((request, response) => {
    const { authorization = "" } = request.headers;
    authorizations.push(authorization);
    const isAllowed = request.url?.startsWith("/private/") !== true || authorization === secret;
    if (isAllowed) backend(folder, request, response);
    else response.writeHead(401, { "www-authenticate": 'Basic realm="git"' }).end();
  });
  server.listen(0, "127.0.0.1");
  await Promise.all([once(server, "listening"), untilListening(port)]);
  return {
    git: `127.0.0.1:${port}`,
    http: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    authorizations,
    [Symbol.asyncDispose]: async () => {
      daemon.kill();
      server.closeAllConnections();
      server.close();
      await exited;
    },
  };
}

/** Answers a request with `git http-backend`: headers, an empty line, and the body, as CGI has it. */
function backend(folder: string, request: IncomingMessage, response: ServerResponse): void {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
  const child = spawn("git", ["http-backend"], {
    env: {
      ...process.env,
      GIT_PROJECT_ROOT: folder,
      GIT_HTTP_EXPORT_ALL: "1",
      PATH_INFO: decodeURIComponent(pathname.replace(/^\/private/, "")),
      QUERY_STRING: `${searchParams}`,
      REQUEST_METHOD: request.method,
      CONTENT_TYPE: request.headers["content-type"] ?? "",
      HTTP_CONTENT_ENCODING: request.headers["content-encoding"] ?? "",
      HTTP_GIT_PROTOCOL: `${request.headers["git-protocol"] ?? ""}`,
      REMOTE_ADDR: "127.0.0.1",
    },
    stdio: ["pipe", "pipe", "ignore"],
  });
  request.pipe(child.stdin);
  const pieces: Buffer[] = [];
  child.stdout.on("data", (piece: Buffer) => pieces.push(piece));
  child.on("close", () => {
    const answer = Buffer.concat(pieces);
    const end = answer.indexOf("\r\n\r\n");
    const headers = answer.subarray(0, end).toString().split("\r\n");
    let status = 200;
    for (const header of headers) {
      const [name = "", value = ""] = header.split(/:\s*/, 2);
      if (name === "Status") status = Number.parseInt(value, 10);
      else response.setHeader(name, value);
    }
    response.writeHead(status).end(answer.subarray(end + 4));
  });
}
