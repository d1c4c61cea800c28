import { BuildkitError, errorMessage } from "@buildkit-node/core";

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
  /** The two sides do not trust each other, or only one of them speaks TLS. */
  | "tls"
  /** Something listens, and it is not BuildKit. */
  | "not-buildkit"
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

  /** The same failure with the origin of its address. */
  withOrigin(origin: string): ConnectError {
    return new ConnectError(
      this.attempts.map((attempt) => ({ ...attempt, origin })),
      { cause: this.cause },
    );
  }
}

/** The failure of the system call or look-up behind a dial, as a `ConnectError`. */
export function dialFailed(address: string, thrown: unknown): ConnectError {
  const attempt = explain(systemCode(thrown) ?? "", errorMessage(thrown));
  return new ConnectError([{ address, ...attempt }], { cause: thrown });
}

function explain(code: string, message: string): Explained {
  const known = systemFailures[code];
  if (known !== undefined) return known;
  // OpenSSL names an alert of the other side after what it complains about.
  if (/^ERR_SSL_.*ALERT/.test(code)) {
    return tls(
      `the daemon refused the connection: ${message}`,
      "check the client's certificate in tls.cert and tls.key",
    );
  }
  return { failure: "other", problem: message };
}

type Explained = Pick<ConnectAttempt, "failure" | "problem" | "advice">;

const startOne = "start the daemon, or give its address to connect() or in BUILDKIT_HOST";

const unknownAuthority = tls(
  "the daemon's certificate is from an authority that is not trusted",
  "give the authority's certificate as tls.ca",
);

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
  CERT_HAS_EXPIRED: tls("the daemon's certificate has expired", "renew it; check this machine's clock"),
  CERT_NOT_YET_VALID: tls("the daemon's certificate is not valid yet", "check this machine's clock"),
  ERR_TLS_CERT_ALTNAME_INVALID: tls(
    "the daemon's certificate is for another name",
    "connect by a name in it, or give that name as tls.serverName",
  ),
  DEPTH_ZERO_SELF_SIGNED_CERT: unknownAuthority,
  SELF_SIGNED_CERT_IN_CHAIN: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unknownAuthority,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unknownAuthority,
  CERT_SIGNATURE_FAILURE: unknownAuthority,
  ERR_SSL_WRONG_VERSION_NUMBER: tls("the other side does not speak TLS", "leave the tls options out"),
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

function tls(problem: string, advice: string): Explained {
  return { failure: "tls", problem, advice };
}

function permission(code: string): Explained {
  return {
    failure: "permission",
    problem: `this user may not use the socket (${code})`,
    advice: "run as a member of the socket's group or as its owner, or use a rootless daemon",
  };
}

function systemCode(thrown: unknown): string | undefined {
  // A host with several addresses fails with one error for each of them.
  if (thrown instanceof AggregateError) return systemCode(thrown.errors.at(-1));
  if (!(thrown instanceof Error) || !("code" in thrown)) return undefined;
  return typeof thrown.code === "string" ? thrown.code : undefined;
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
