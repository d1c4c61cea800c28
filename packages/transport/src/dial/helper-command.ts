import type { CommandAddress, SshAddress } from "../address.ts";
import type { Command } from "./command.ts";

/** The program that leads to a buildkitd by running `buildctl dial-stdio` where that one is. */
export function helperCommand(address: CommandAddress): Command {
  switch (address.kind) {
    case "docker-container": {
      const context = option("--context", address.context);
      return exec("docker", [...context, "exec", "-i", address.container], address.container);
    }
    case "podman-container":
      return exec("podman", ["exec", "-i", address.container], address.container);
    case "nerdctl-container": {
      const namespace = option("--namespace", address.namespace);
      return exec("nerdctl", ["exec", ...namespace, "-i", address.container], address.container);
    }
    case "kube-pod": {
      const cluster = [...option("--context", address.context), ...option("--namespace", address.namespace)];
      const container = option("--container", address.container);
      return exec("kubectl", [...cluster, "exec", ...container, "-i", address.pod, "--"], address.pod);
    }
    case "ssh":
      return overSsh(address, "buildctl", option("--addr", address.socket, "unix://"), ["dial-stdio"]);
  }
}

/** The program that leads to a Docker Engine's API on another host. */
export function engineCommand(address: SshAddress): Command {
  return overSsh(address, "docker", option("--host", address.socket, "unix://"), ["system", "dial-stdio"]);
}

function exec(program: string, args: readonly string[], target: string): Command {
  return {
    program,
    args: [...args, "buildctl", "dial-stdio"],
    advice: `check that ${program} finds ${target} running, with buildctl and a buildkitd in it`,
  };
}

/** `-T`: a terminal in between, which a user's configuration may ask for, would change the bytes. */
function overSsh(
  { user, host, port, socket }: SshAddress,
  program: "buildctl" | "docker",
  options: readonly string[],
  call: readonly string[],
): Command {
  const login = [
    ...(user === undefined ? [] : ["-l", user]),
    ...(port === undefined ? [] : ["-p", `${port}`]),
  ];
  const where = socket === undefined ? "" : ` at ${socket}`;
  return {
    program: "ssh",
    args: [...login, "-T", "--", host, program, ...options, ...call],
    advice:
      `check that ssh reaches ${host} without asking anything (known host key, agent or key), ` +
      `and that ${program} is on PATH there and its daemon runs${where}`,
  };
}

function option(name: string, value: string | undefined, prefix = ""): readonly string[] {
  return value === undefined ? [] : [`${name}=${prefix}${value}`];
}
