import { readFileSync } from "node:fs";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import type { Surroundings } from "@buildkit-node/transport";

/** What a stand-in does once it has noted how it was called. */
export type Behaviour =
  /** Joins stdin and stdout to a unix socket, as `dial-stdio` does. */
  | { readonly relay: string; readonly ignoreSigterm?: boolean; readonly stderr?: string }
  /** Writes to stderr and exits. */
  | { readonly exit: number; readonly stderr: string }
  /** Neither reads nor writes nor ends by itself. */
  | { readonly hang: true };

/** One time that a stand-in ran. */
export interface Call {
  readonly program: string;
  readonly args: readonly string[];
  readonly pid: number;
}

/** Programs of the test's own in a folder that is the only one on PATH. */
export interface StandIns extends AsyncDisposable {
  /** For `connect` and `createDialer`. */
  readonly surroundings: Surroundings;
  /** What ran so far, in order. */
  calls(): Promise<readonly Call[]>;
  /** Those that still run. */
  alive(): Promise<readonly Call[]>;
}

/** Puts programs of these names in place, which all behave as told. */
export async function standIns(names: readonly string[], behaviour: Behaviour): Promise<StandIns> {
  const folder = await mkdtemp(path.join(os.tmpdir(), "bk-stand-ins-"));
  const log = path.join(folder, "calls.log");
  await writeFile(log, "");
  for (const name of names) {
    const file = path.join(folder, name);
    await writeFile(
      file,
      `#!${process.execPath}\n(${script})(${JSON.stringify({ name, log, behaviour })});\n`,
    );
    await chmod(file, 0o755);
  }
  const calls = async (): Promise<readonly Call[]> => {
    const lines = (await readFile(log, "utf8")).split("\n").filter((line) => line !== "");
    return lines.map((line) => JSON.parse(line));
  };
  return {
    surroundings: { env: { PATH: folder, HOME: folder }, platform: process.platform },
    calls,
    alive: async () => (await calls()).filter(({ pid }) => isAlive(pid)),
    [Symbol.asyncDispose]: async () => {
      for (const { pid } of await calls()) if (isAlive(pid)) process.kill(pid, "SIGKILL");
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A process that has ended and that nobody has asked for its exit code is not alive. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, "latin1"));
  } catch {
    return false;
  }
}

/** The program's text: a CommonJS function of what it is told. */
const script = `({ name, log, behaviour }) => {
  const { appendFileSync } = require("node:fs");
  const call = { program: name, args: process.argv.slice(2), pid: process.pid };
  appendFileSync(log, JSON.stringify(call) + "\\n");
  if (behaviour.stderr !== undefined) process.stderr.write(behaviour.stderr);
  if (behaviour.ignoreSigterm) process.on("SIGTERM", () => {});
  if (behaviour.exit !== undefined) process.exitCode = behaviour.exit;
  else if (behaviour.hang) setInterval(() => {}, 1000);
  else {
    const socket = require("node:net").connect(behaviour.relay);
    process.stdin.pipe(socket).pipe(process.stdout);
    if (behaviour.ignoreSigterm) setInterval(() => {}, 1000);
    else socket.on("close", () => process.exit());
  }
}`;
