import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { Socket } from "node:net";
import { DaemonError } from "./daemon-error.ts";

export interface SupervisedOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Removed when the daemon is gone; where the daemon failed, its log stays. */
  readonly directory: string;
  /** In `directory`. */
  readonly logFile: string;
  readonly stopTimeoutMs: number;
  /** The control group that the daemon was told to put its steps in. */
  readonly cgroup: string;
  /** A network interface to remove with the daemon. */
  readonly bridge?: string;
  /** A folder to mount memory on. */
  readonly tmpfs?: string;
  /** A file to hold a lock on; the daemon is not started when somebody else holds it. */
  readonly lockFile?: string;
}

/** A daemon under a supervisor. */
export interface Supervised {
  /** Resolves with the exit code once the daemon is gone and all is cleaned up. */
  readonly exited: Promise<number>;
  /** Keeps this process alive until the daemon has exited, as `stop` does too. */
  ref(): void;
  signal(name: string): void;
  /** Asks the daemon to stop, kills it when it takes too long, and waits until all is cleaned up. */
  stop(): Promise<void>;
}

/** The supervisor's exit code when the lock is held by somebody else. */
export const LOCKED = 75;

/**
 * Starts a daemon under a supervisor: a shell of its own session that reads from a pipe whose other end only this
 * process has. Each line names a signal for the daemon. The end of the pipe stops the daemon, whether `stop` closed
 * it or this process is no more, so there is one way to the end and nothing is left in either case.
 *
 * The daemon runs in a PID and a mount namespace of its own: whatever it started and mounted goes with it, by the
 * kernel's hand. (A child of the daemon, or a step of a build, would live on after a SIGKILL otherwise.)
 */
export function supervise(options: SupervisedOptions): Supervised {
  const log = openSync(options.logFile, "a");
  const child = spawn("sh", ["-c", supervisor, "supervisor", ...supervisorArgs(options)], {
    env: options.env,
    stdio: ["pipe", log, log],
    detached: true,
  });
  closeSync(log);
  const pipe = child.stdin;
  pipe?.on("error", () => {}); // It breaks when the daemon ends first.
  const exited = exitOf(child);
  exited.catch(() => {});
  // A daemon that nobody stops does not keep this process from ending; its end stops the daemon.
  child.unref();
  if (pipe instanceof Socket) pipe.unref();
  return {
    exited,
    ref: () => child.ref(),
    signal: (name) => {
      pipe?.write(`${name}\n`);
    },
    stop: async () => {
      child.ref();
      pipe?.end();
      await exited;
    },
  };
}

function supervisorArgs(options: SupervisedOptions): string[] {
  return [
    inNamespaces,
    String(Math.ceil(options.stopTimeoutMs / 1000)),
    options.directory,
    options.cgroup,
    options.bridge ?? "",
    options.tmpfs ?? "",
    options.lockFile ?? "",
    options.command,
    ...options.args,
  ];
}

async function exitOf(child: ChildProcess): Promise<number> {
  const [code, signal] = await once(child, "exit");
  if (typeof code === "number") return code;
  throw new DaemonError(`the supervisor of a private daemon was ended by ${signal}`);
}

/**
 * The outer shell: holds the lock, runs the namespaces, and cleans up behind them. A signal that reaches it (nobody
 * should send one) is put off until then.
 */
const supervisor = `
script=$1 seconds=$2 directory=$3 cgroup=$4 bridge=$5 tmpfs=$6 lock=$7
shift 7
trap : HUP INT TERM
if [ -z "$lock" ] || { exec 9>"$lock" && flock --nonblock 9; }; then
  unshare --fork --kill-child --pid --mount --mount-proc -- sh -c "$script" daemon "$seconds" "$tmpfs" "$@"
  status=$?
else
  status=${LOCKED}
fi
[ -z "$bridge" ] || ip link delete "$bridge"
for root in /sys/fs/cgroup /sys/fs/cgroup/*; do
  [ ! -d "$root/$cgroup" ] || find "$root/$cgroup" -depth -type d -exec rmdir {} ';'
done
if [ "$status" -eq 0 ]; then
  rm -rf "$directory"
else
  find "$directory" -mindepth 1 -maxdepth 1 ! -name '*.log' -exec rm -rf {} +
fi
exit "$status"
`;

/** The inner shell, first process of its namespace: when it exits, the kernel ends the others. */
const inNamespaces = `
seconds=$1 tmpfs=$2
shift 2
[ -z "$tmpfs" ] || mount -t tmpfs tmpfs "$tmpfs" || exit
exec 3<&0
"$@" 3<&- </dev/null &
daemon=$!
{
  while read -r signal; do kill -s "$signal" "$daemon"; done
  kill -s TERM "$daemon"
  kill -s CONT "$daemon"
  sleep "$seconds"
  kill -s KILL "$daemon"
} <&3 &
exec 3<&-
wait "$daemon"
`;
