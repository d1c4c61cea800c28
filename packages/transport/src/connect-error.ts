import { BuildkitError, errorMessage } from "@buildkit-node/core";
import { CommandError } from "./dial/command-error.ts";
import { explainTlsFailure } from "./tls/tls-failure.ts";

/** Why an address could not be used. */
export type ConnectFailure =
  /** There is no such socket or host. */
  | "not-found"
  /** The caller may not use the socket. */
  | "permission"
  /** Nobody listens. */
  | "refused"
  /** No answer in time. */
  | "timeout"
  /** Something listens, and it is not BuildKit. */
  | "not-buildkit"
  /** The daemon's certificate, or one in its chain, is outside its dates. */
  | "certificate-expired"
  /** The daemon's certificate is for other names than the one that was dialed. */
  | "certificate-name"
  /** The daemon's certificate is signed by nobody who is trusted. */
  | "certificate-authority"
  /** The daemon requires a client certificate, or does not accept ours. */
  | "client-certificate"
  /** Anything else about TLS: files that cannot be used, a handshake that failed. */
  | "tls"
  /** The program that leads to the daemon cannot be run. */
  | "command-missing"
  /** The program that leads to the daemon ended; the cause is a `CommandError` with its stderr. */
  | "command-failed"
  /** Anything else; see the cause. */
  | "other";

/** One address that was tried. */
export interface ConnectAttempt {
  readonly address: string;
  /** Where the address came from, such as `BUILDKIT_HOST`. */
  readonly origin?: string;
  readonly failure: ConnectFailure;
  /** What went wrong. */
  readonly problem: string;
  /** What to do about it. */
  readonly advice?: string;
}

/** No daemon could be reached: says what was tried, where each address came from, and what to do. */
export class ConnectError extends BuildkitError {
  override readonly name: string = "ConnectError";
  /** In the order in which they were tried; never empty. */
  readonly attempts: readonly ConnectAttempt[];

  constructor(attempts: readonly ConnectAttempt[], options?: { readonly cause?: unknown }) {
    super("ERR_BUILDKIT_CONNECT", describe(attempts), options);
    this.attempts = attempts;
  }

  /** The same failure with the origin of its address, where that is not known yet. */
  withOrigin(origin: string): ConnectError {
    return new ConnectError(
      this.attempts.map((attempt) => ({ origin, ...attempt })),
      { cause: this.cause },
    );
  }
}

/** What a dial threw, as a `ConnectError`: a system call, a look-up, TLS or a program failed. */
export function dialFailed(address: string, thrown: unknown): ConnectError {
  if (thrown instanceof ConnectError) return thrown;
  return new ConnectError([{ address, ...explain(thrown) }], { cause: thrown });
}

/** A failure in words. */
export type Explained = Pick<ConnectAttempt, "failure" | "problem" | "advice">;

function explain(thrown: unknown): Explained {
  // A host with several addresses fails with one error for each of them.
  if (thrown instanceof AggregateError) return explain(thrown.errors.at(-1));
  if (thrown instanceof CommandError) {
    const failure = thrown.started ? "command-failed" : "command-missing";
    return { failure, problem: thrown.message, advice: thrown.advice };
  }
  const unknown: Explained = { failure: "other", problem: errorMessage(thrown) };
  if (!(thrown instanceof Error) || !("code" in thrown) || typeof thrown.code !== "string") return unknown;
  return systemFailures[thrown.code] ?? explainTlsFailure(thrown.code, thrown) ?? unknown;
}

const startOne = "start the daemon, or give its address to connect() or in BUILDKIT_HOST";

const systemFailures: Readonly<Record<string, Explained>> = {
  ENOENT: { failure: "not-found", problem: "there is no such socket", advice: startOne },
  ENOTSOCK: { failure: "not-found", problem: "it is not a socket", advice: startOne },
  ENOTDIR: { failure: "not-found", problem: "there is no such socket", advice: startOne },
  ENOTFOUND: { failure: "not-found", problem: "the host is not known", advice: "check the host's name" },
  EAI_AGAIN: {
    failure: "not-found",
    problem: "the host's name cannot be looked up",
    advice: "check the network",
  },
  EACCES: permission("EACCES"),
  EPERM: permission("EPERM"),
  ECONNREFUSED: { failure: "refused", problem: "nobody listens there", advice: startOne },
  ECONNRESET: { failure: "refused", problem: "the other side closed the connection at once" },
  EPIPE: { failure: "refused", problem: "the other side closed the connection at once" },
  ETIMEDOUT: { failure: "timeout", problem: "no answer in time", advice: "check host, port and firewall" },
  EHOSTUNREACH: { failure: "not-found", problem: "the host cannot be reached", advice: "check the network" },
  ENETUNREACH: {
    failure: "not-found",
    problem: "the network cannot be reached",
    advice: "check the network",
  },
};

function permission(code: string): Explained {
  return {
    failure: "permission",
    problem: `this user may not use the socket (${code})`,
    advice: "run as a member of the socket's group or as its owner, or use a rootless daemon",
  };
}

function describe(attempts: readonly ConnectAttempt[]): string {
  const [first, ...others] = attempts;
  if (first !== undefined && others.length === 0) return `cannot connect to ${describeAttempt(first)}`;
  return ["no BuildKit daemon was found; tried", ...attempts.map((one) => `  ${describeAttempt(one)}`)].join(
    "\n",
  );
}

function describeAttempt({ address, origin, problem, advice }: ConnectAttempt): string {
  const from = origin === undefined ? "" : ` (${origin})`;
  return `${address}${from}: ${problem}${advice === undefined ? "" : `; ${advice}`}`;
}
