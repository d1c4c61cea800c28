import type { Stats } from "node:fs";
import { stat } from "node:fs/promises";
import { errorMessage, InvalidArgumentError } from "@buildkit-node/core";
import type { AgentConnection } from "./agent-connection.ts";
import { filteredAgent } from "./filtered-agent.ts";
import { keyAgent } from "./key-agent.ts";
import { readKeyFile } from "./key-file.ts";
import { rawSocket } from "./raw-socket.ts";
import { SshError } from "./ssh-error.ts";

/** One agent that builds may use. */
export interface SshForward {
  /** What `RUN --mount=type=ssh,id=` calls it; `default` by default. */
  readonly id?: string;
  /**
   * The socket of an agent, or one or more files with private keys. By default the socket that `SSH_AUTH_SOCK` names; on
   * Windows, where that is not set, OpenSSH's pipe.
   */
  readonly paths?: readonly string[];
  /**
   * Passes everything through to the socket, which need not be an agent's. False by default: a build may then list
   * the keys of the agent and use them, but not change it.
   */
  readonly raw?: boolean;
}

/** Where Windows has its named pipes. */
const windowsPipes = "\\\\.\\pipe\\";

/** Reads the form of BuildKit's command line: `default`, or `id[=socket[,raw=true]|key[,key...]]`. */
export function parseSshForward(text: string): SshForward {
  const equals = text.indexOf("=");
  const id = equals < 0 ? text : text.slice(0, equals);
  if (id === "") throw new InvalidArgumentError("ssh", text, `${JSON.stringify(text)} names no SSH agent id`);
  if (equals < 0) return { id };
  const paths: string[] = [];
  let raw = false;
  for (const part of text.slice(equals + 1).split(",")) {
    const flag = /^raw=(.*)$/.exec(part);
    if (flag === null) paths.push(part);
    else if (flag[1] === "true" || flag[1] === "false") raw = flag[1] === "true";
    else
      throw new InvalidArgumentError(
        "ssh",
        text,
        `${JSON.stringify(part)} is neither raw=true nor raw=false`,
      );
  }
  return { id, paths, raw };
}

/**
 * Finds the agents and reads the keys. Throws an `InvalidArgumentError` for an id that occurs twice and for paths that
 * do not go together, and an `SshError` for a path that cannot be used.
 */
export async function openForwards(
  forwards: readonly SshForward[],
  env: NodeJS.ProcessEnv,
): Promise<ReadonlyMap<string, AgentConnection>> {
  const opened = new Map<string, AgentConnection>();
  for (const forward of forwards) {
    const id = forward.id ?? "default";
    if (opened.has(id))
      throw new InvalidArgumentError("ssh", forwards, `the SSH agent id ${id} is given twice`);
    opened.set(id, await openForward(id, forward, env));
  }
  return opened;
}

async function openForward(
  id: string,
  forward: SshForward,
  env: NodeJS.ProcessEnv,
): Promise<AgentConnection> {
  const given = (forward.paths ?? []).filter((path) => path !== "");
  const paths = given.length > 0 ? given : [defaultSocket(id, env)];
  const sockets: string[] = [];
  for (const path of paths) if (await isSocket(path)) sockets.push(path);
  const [socket] = sockets;
  if (socket !== undefined && paths.length === 1) {
    return forward.raw === true ? rawSocket(socket) : filteredAgent(socket);
  }
  if (socket !== undefined) {
    throw new InvalidArgumentError(
      "ssh",
      forward,
      `the SSH agent ${id} is one socket or any number of key files, not ${paths.join(" and ")} together`,
    );
  }
  if (forward.raw === true) {
    throw new InvalidArgumentError("ssh", forward, `the SSH agent ${id} is raw, which takes one socket`);
  }
  return keyAgent(await Promise.all(paths.map(readKeyFile)));
}

function defaultSocket(id: string, env: NodeJS.ProcessEnv): string {
  const socket =
    env["SSH_AUTH_SOCK"] || (process.platform === "win32" ? `${windowsPipes}openssh-ssh-agent` : "");
  if (socket !== "") return socket;
  throw new InvalidArgumentError(
    "ssh",
    id,
    `the SSH agent ${id} has no path and SSH_AUTH_SOCK is not set: start an agent, or give a socket or key files`,
  );
}

async function isSocket(path: string): Promise<boolean> {
  if (process.platform === "win32" && path.startsWith(windowsPipes)) return true;
  let found: Stats;
  try {
    found = await stat(path);
  } catch (cause) {
    throw new SshError(path, `cannot find the SSH agent or key ${path}: ${errorMessage(cause)}`, { cause });
  }
  return found.isSocket();
}
