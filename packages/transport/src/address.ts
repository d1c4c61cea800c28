import { BuildkitError } from "@buildkit-node/core";

/** Where a daemon is, in parts. */
export type Address = SocketAddress | HelperAddress | DockerEngineAddress;

/** A socket of this machine or of the network. */
export type SocketAddress = UnixAddress | TcpAddress | NpipeAddress;

export interface UnixAddress {
  readonly kind: "unix";
  readonly path: string;
}

export interface TcpAddress {
  readonly kind: "tcp";
  readonly host: string;
  readonly port: number;
}

/** A named pipe of Windows. */
export interface NpipeAddress {
  readonly kind: "npipe";
  /** With backslashes, as in `\\.\pipe\buildkitd`. */
  readonly path: string;
}

/** A daemon behind a program whose standard input and output lead to it. */
export type HelperAddress = ContainerAddress | KubePodAddress | SshAddress;

export interface ContainerAddress {
  readonly kind: "docker-container" | "podman-container" | "nerdctl-container";
  readonly name: string;
  /** Docker's context. */
  readonly context?: string;
  /** Containerd's namespace. */
  readonly namespace?: string;
}

export interface KubePodAddress {
  readonly kind: "kube-pod";
  readonly pod: string;
  readonly context?: string;
  readonly namespace?: string;
  readonly container?: string;
}

export interface SshAddress {
  readonly kind: "ssh";
  readonly host: string;
  readonly user?: string;
  readonly port?: number;
  /** The daemon's socket on that host; its default socket when absent. */
  readonly socket?: string;
}

/** The BuildKit inside a Docker Engine. */
export interface DockerEngineAddress {
  readonly kind: "docker-engine";
  /** The engine's API. Absent: the one that `context` names, or the default engine. */
  readonly engine?: SocketAddress | SshAddress;
  /** A Docker context. */
  readonly context?: string;
}

/** An address that cannot be understood. */
export class AddressError extends BuildkitError {
  override readonly name: string = "AddressError";
  /** What was given, without a password that it may have held. */
  readonly address: string;

  constructor(address: string, problem: string, options?: { readonly cause?: unknown }) {
    const shown = withoutPassword(address);
    super("ERR_BUILDKIT_ADDRESS", `cannot use the address ${JSON.stringify(shown)}: ${problem}`, options);
    this.address = shown;
  }
}

function withoutPassword(text: string): string {
  return text.replace(/:[^:@/]*@/, "@");
}
