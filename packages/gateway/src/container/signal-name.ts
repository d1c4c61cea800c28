import { InvalidArgumentError } from "@buildkit-node/core";

/** A signal's name with or without `SIG`, such as `SIGTERM` or `TERM`. */
export type SignalName = NodeJS.Signals | (string & {});

/** Linux's, whatever this process runs on; real-time signals are written `RTMIN+3` and `RTMAX-2`. */
const names = new Set(
  (
    "ABRT ALRM BUS CHLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT SEGV STKFLT STOP SYS TERM " +
    "TRAP TSTP TTIN TTOU URG USR1 USR2 VTALRM WINCH XCPU XFSZ RTMIN RTMAX"
  ).split(" "),
);
const realTime = /^(RTMIN\+([1-9]|1[0-5])|RTMAX-([1-9]|1[0-4]))$/;

/**
 * The name as the daemon knows it, without `SIG`. One that it does not know would end the whole call.
 *
 * @throws {InvalidArgumentError}
 */
export function signalName(name: SignalName): string {
  const bare = name.replace(/^SIG/, "");
  if (names.has(bare) || realTime.test(bare)) return bare;
  throw new InvalidArgumentError(
    "signal",
    name,
    `${JSON.stringify(name)} is not a signal: use one such as SIGTERM`,
  );
}
