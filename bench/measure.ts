import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";

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
}

/**
 * Runs a command to its end and measures it from outside. bash's `time` gives the CPU time of the whole process, the
 * peak memory is read while it runs (VmHWM only grows, so the last reading is the peak but for its last moments).
 */
export async function measure(command: Command): Promise<Cost> {
  const started = process.hrtime.bigint();
  const child = spawn(
    "bash",
    ["-c", 'TIMEFORMAT="cpu %3U %3S"; time "$@"', "bash", command.command, ...command.args],
    { env: { ...process.env, ...command.env }, cwd: command.cwd, stdio: ["ignore", "pipe", "pipe"] },
  );
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
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  }).finally(() => clearInterval(poll));
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  if (status !== 0)
    throw new Error(`${command.command} ${command.args.join(" ")} failed (${status}):\n${stderr}`);
  const cpu = /cpu ([\d.]+) ([\d.]+)\s*$/.exec(stderr);
  return {
    seconds,
    cpu: Number(cpu?.[1] ?? Number.NaN) + Number(cpu?.[2] ?? Number.NaN),
    rssMb: (peakKb * 1024) / 1e6,
    stdout,
  };
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
