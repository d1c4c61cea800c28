import { type BuildFunction, type Gateway, type llb, SolveError } from "buildkit-node";
import type { Terminal } from "./terminal.ts";

/**
 * Builds a graph. When a step of it fails, whoever sits at the terminal gets a shell in that step, with its mounts and with
 * the files as the step left them; the build fails once they have left it.
 */
export function shellOnFailure(graph: llb.State, terminal: Terminal): BuildFunction {
  return async (gateway) => {
    try {
      return await gateway.solve(graph, { evaluate: true });
    } catch (error) {
      if (error instanceof SolveError && error.exitCode !== undefined) {
        await openShell(gateway, error, terminal);
      }
      throw error;
    }
  };
}

async function openShell(gateway: Gateway, error: SolveError, terminal: Terminal): Promise<void> {
  await using container = await error.debug(gateway);
  const { args, env, cwd, user } = gateway.failedProcess(error);
  terminal.output.write(
    `\r\n${args.join(" ")}\r\nfailed with the code ${error.exitCode}. Leave the shell with "exit".\r\n`,
  );
  const shell = await container.start({
    args: ["/bin/sh"],
    env,
    cwd,
    user,
    stdin: true,
    tty: terminal.size(),
  });
  using _taken = terminal.take((size) => shell.resize(size));
  if (shell.stdin !== undefined) terminal.input.pipe(shell.stdin);
  shell.stdout.pipe(terminal.output, { end: false });
  await shell.exited;
  terminal.input.unpipe();
}
