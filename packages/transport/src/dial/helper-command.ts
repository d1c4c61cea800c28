import type { ContainerAddress, HelperAddress, KubePodAddress, SshAddress } from "../address.ts";

/** A program to run, by its name on PATH. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
}

/** What BuildKit's own client offers on the far side: its standard input and output as the daemon's socket. */
const dialStdio = ["buildctl", "dial-stdio"] as const;

/** The program whose standard input and output are a connection to the daemon at the address. */
export function helperCommand(address: HelperAddress): Command {
  switch (address.kind) {
    case "docker-container":
      return { program: "docker", args: [...flag("--context", address.context), ...execIn(address)] };
    case "podman-container":
      return { program: "podman", args: execIn(address) };
    case "nerdctl-container":
      return { program: "nerdctl", args: [...flag("--namespace", address.namespace), ...execIn(address)] };
    case "kube-pod":
      return kubectl(address);
    case "ssh":
      return ssh(address, [
        "buildctl",
        ...(address.socket === undefined ? [] : ["--addr", `unix://${address.socket}`]),
        "dial-stdio",
      ]);
  }
}

/** The program that reaches the API of a Docker Engine on another machine. */
export function remoteEngineCommand(address: SshAddress): Command {
  const host = address.socket === undefined ? [] : ["--host", `unix://${address.socket}`];
  return ssh(address, ["docker", ...host, "system", "dial-stdio"]);
}

function execIn({ name }: ContainerAddress): readonly string[] {
  return ["exec", "-i", name, ...dialStdio];
}

function kubectl({ pod, context, namespace, container }: KubePodAddress): Command {
  const where = [...flag("--context", context), ...flag("--namespace", namespace)];
  return {
    program: "kubectl",
    args: [...where, "exec", ...flag("--container", container), "-i", pod, "--", ...dialStdio],
  };
}

/** The far side's shell splits the command again, so its words are quoted. */
function ssh({ host, user, port }: SshAddress, command: readonly string[]): Command {
  const login = user === undefined ? [] : ["-l", user];
  const where = port === undefined ? [] : ["-p", String(port)];
  // No terminal, and no question that nobody could answer.
  const quiet = ["-T", "-o", "BatchMode=yes"];
  return { program: "ssh", args: [...quiet, ...login, ...where, "--", host, ...command.map(quoted)] };
}

function quoted(word: string): string {
  return /^[\w./:=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function flag(name: string, value: string | undefined): readonly string[] {
  return value === undefined ? [] : [`${name}=${value}`];
}
