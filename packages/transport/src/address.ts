/** Where a daemon is, in parts. */
export type Address = SocketAddress | DockerEngineAddress | CommandAddress;

/** A socket that speaks BuildKit's protocol itself, or an engine's API. */
export type SocketAddress = UnixAddress | TcpAddress | NamedPipeAddress;

/** Reached through a program that joins its stdin and stdout to a daemon's socket. */
export type CommandAddress =
  | DockerContainerAddress
  | PodmanContainerAddress
  | NerdctlContainerAddress
  | KubePodAddress
  | SshAddress;

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
export interface NamedPipeAddress {
  readonly kind: "npipe";
  /** With slashes, as in `//./pipe/buildkitd`. */
  readonly path: string;
}

/** The BuildKit inside a Docker Engine. */
export interface DockerEngineAddress {
  readonly kind: "docker-engine";
  /** How to reach the engine. Absent for a bare `docker://`, the engine that the `docker` command would use. */
  readonly engine?: EngineAddress;
}

/** Where a Docker Engine's API is. */
export type EngineAddress = SocketAddress | SshAddress | DockerContextAddress;

/** A context that `docker context create` stored. */
export interface DockerContextAddress {
  readonly kind: "docker-context";
  readonly name: string;
}

/** A buildkitd in a container of Docker. */
export interface DockerContainerAddress {
  readonly kind: "docker-container";
  readonly container: string;
  /** The Docker context that it runs in. Default: the one that the `docker` command would use. */
  readonly context?: string;
}

/** A buildkitd in a container of Podman. */
export interface PodmanContainerAddress {
  readonly kind: "podman-container";
  readonly container: string;
}

/** A buildkitd in a container of containerd's `nerdctl`. */
export interface NerdctlContainerAddress {
  readonly kind: "nerdctl-container";
  readonly container: string;
  /** containerd's namespace. Default: nerdctl's own. */
  readonly namespace?: string;
}

/** A buildkitd in a pod of Kubernetes. Defaults are kubectl's own. */
export interface KubePodAddress {
  readonly kind: "kube-pod";
  readonly pod: string;
  /** Of the kubeconfig. */
  readonly context?: string;
  readonly namespace?: string;
  readonly container?: string;
}

/** A host behind `ssh`, whose configuration, agent and keys are used. */
export interface SshAddress {
  readonly kind: "ssh";
  readonly host: string;
  readonly user?: string;
  readonly port?: number;
  /** Path of the daemon's socket on that host. Default: what the program there would use. */
  readonly socket?: string;
}
