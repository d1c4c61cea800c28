import type { Stats } from "node:fs";
import { stat } from "node:fs/promises";
import { errorMessage, InvalidArgumentError } from "@buildkit-node/core";
import type { AgentConnection } from "./agent-connection.ts";
import { filteredAgent } from "./filtered-agent.ts";
import { keyAgent } from "./key-agent.ts";
import { readKeyFile } from "./key-file.ts";
import { rawSocket } from "./raw-socket.ts";
import { SshError } from "./ssh-error.ts";
import type { SshForward } from "./ssh-forward.ts";

/** Where Windows has its named pipes. */
const windowsPipes = "\\\\.\\pipe\\";

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
