import { InvalidArgumentError } from "@buildkit-node/core";

/** One agent that builds may use. */
export interface SshForward {
  /** What `RUN --mount=type=ssh,id=` calls it; `default` by default. */
  readonly id?: string;
  /**
   * The socket of an agent, or one or more files with private keys. By default the socket that `SSH_AUTH_SOCK` names; on
   * Windows, where that is not set, OpenSSH's pipe.
   */
  readonly paths?: readonly string[];
  /**
   * Passes everything through to the socket, which need not be an agent's. False by default: a build may then list
   * the keys of the agent and use them, but not change it.
   */
  readonly raw?: boolean;
}

/** Reads the form of BuildKit's command line: `default`, or `id[=socket[,raw=true]|key[,key...]]`. */
export function parseSshForward(text: string): SshForward {
  const equals = text.indexOf("=");
  const id = equals < 0 ? text : text.slice(0, equals);
  if (id === "") throw new InvalidArgumentError("ssh", text, `${JSON.stringify(text)} names no SSH agent id`);
  if (equals < 0) return { id };
  const paths: string[] = [];
  let raw = false;
  for (const part of text.slice(equals + 1).split(",")) {
    const flag = /^raw=(.*)$/.exec(part);
    if (flag === null) paths.push(part);
    else if (flag[1] === "true" || flag[1] === "false") raw = flag[1] === "true";
    else
      throw new InvalidArgumentError(
        "ssh",
        text,
        `${JSON.stringify(part)} is neither raw=true nor raw=false`,
      );
  }
  return { id, paths, raw };
}
