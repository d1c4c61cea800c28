import { type ChildProcess, type ChildProcessByStdio, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import type { Readable } from "node:stream";

/** What one whole process cost. */
export interface Cost {
  readonly seconds: number;
  /** User and system time, in seconds. */
  readonly cpu: number;
  /** The peak of its resident memory (VmHWM), in MB (1e6 bytes). */
  readonly rssMb: number;
  /** What it wrote to its standard output. */
  readonly stdout: string;
}

export interface Command {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Default: it may take as long as it likes. */
  readonly limitMs?: number;
}

/** A command took longer than its limit, and was killed with everything that it had started. */
export class DidNotEnd extends Error {
  override readonly name = "DidNotEnd";
}

/**
 * Runs a command to its end and measures it from outside. bash's `time` gives the CPU time of the whole process, the
 * peak memory is read while it runs (VmHWM only grows, so the last reading is the peak but for its last moments).
 *
 * @throws {DidNotEnd} when the command takes longer than its limit
 */
export async function measure(command: Command): Promise<Cost> {
  const started = process.hrtime.bigint();
  const child = start(command);
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr = (stderr + text).slice(-16_384);
  });
  let peakKb = 0;
  const poll = setInterval(() => {
    peakKb = Math.max(peakKb, child.pid === undefined ? 0 : peakOfChild(child.pid));
  }, 5);
  const { status, isLate } = await ended(child, command.limitMs).finally(() => clearInterval(poll));
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  const line = [command.command, ...command.args].join(" ");
  if (isLate) throw new DidNotEnd(`${line} did not end within ${command.limitMs} ms`);
  if (status !== 0) throw new Error(`${line} failed (${status}):\n${stderr}`);
  const cpu = /cpu ([\d.]+) ([\d.]+)\s*$/.exec(stderr);
  return {
    seconds,
    cpu: Number(cpu?.[1] ?? Number.NaN) + Number(cpu?.[2] ?? Number.NaN),
    rssMb: (peakKb * 1024) / 1e6,
    stdout,
  };
}

function start({ command, args, env, cwd, limitMs }: Command): ChildProcessByStdio<null, Readable, Readable> {
  return spawn("bash", ["-c", 'TIMEFORMAT="cpu %3U %3S"; time "$@"', "bash", command, ...args], {
    env: { ...process.env, ...env },
    cwd,
    stdio: ["ignore", "pipe", "pipe"],
    // What may have to be killed leads a process group.
    detached: limitMs !== undefined,
  });
}

async function ended(
  child: ChildProcess,
  limitMs: number | undefined,
): Promise<{ readonly status: number | null; readonly isLate: boolean }> {
  let isLate = false;
  const killGroup = () => {
    isLate = true;
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  };
  const limit = limitMs === undefined ? undefined : setTimeout(killGroup, limitMs);
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  }).finally(() => clearTimeout(limit));
  return { status, isLate };
}

function peakOfChild(shell: number): number {
  try {
    const pid = readFileSync(`/proc/${shell}/task/${shell}/children`, "utf8").trim().split(" ")[0];
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0);
  } catch {
    return 0; // between two processes, or over already
  }
}
