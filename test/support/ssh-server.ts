import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { canProvide, provideSets } from "../../scripts/debian/provide.ts";
import { freePort, untilListening } from "./ports.ts";

/** An OpenSSH server for git alone. */
export interface SshServer extends AsyncDisposable {
  /** `ssh://git@127.0.0.1:port`, behind which the path of a repository stands. */
  readonly url: string;
  /** Its line for a `known_hosts` file. */
  readonly knownHost: string;
}

/** Makes a key without passphrase; its public half is in the file with `.pub` at the end. */
export function makeKey(file: string): string {
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", file]);
  return file;
}

/**
 * Starts Debian's sshd. It wants a user and a directory of the system's: it is given them in a mount namespace of its own,
 * so that the machine stays as it is. Undefined where there is no Debian, or no root.
 *
 * @param folder for its files
 * @param authorized the key that may read repositories
 */
export async function startSshServer(folder: string, authorized: string): Promise<SshServer | undefined> {
  if (process.getuid?.() !== 0 || !(await canProvide())) return undefined;
  const { sshd } = await provideSets("sshd");
  await mkdir(folder, { recursive: true });
  const hostKey = makeKey(path.join(folder, "host"));
  const port = await freePort();
  const passwd = path.join(folder, "passwd");
  const gitShell = execFileSync("which", ["git-shell"], { encoding: "utf8" }).trim();
  await writeFile(passwd, `git:*:0:0::/:${gitShell}\nsshd:*:100:65534::/run/sshd:/usr/sbin/nologin\n`);
  const config = path.join(folder, "sshd_config");
  const settings = {
    ListenAddress: "127.0.0.1",
    Port: port,
    HostKey: hostKey,
    AuthorizedKeysFile: `${authorized}.pub`,
    PidFile: "none",
    StrictModes: "no",
    UsePAM: "no",
    PasswordAuthentication: "no",
    KbdInteractiveAuthentication: "no",
  };
  await writeFile(
    config,
    Object.entries(settings)
      .map((line) => `${line.join(" ")}\n`)
      .join(""),
  );

  const program = path.join(sshd.root, "usr/sbin/sshd");
  const prepare = `mount --bind ${passwd} /etc/passwd && mount -t tmpfs none /run && mkdir /run/sshd`;
  const server = spawn(
    "unshare",
    ["--mount", "--propagation=private", "sh", "-c", `${prepare} && exec ${program} -D -f ${config}`],
    { stdio: "ignore", env: { ...process.env, LD_LIBRARY_PATH: sshd.libraryFolders.join(":") } },
  );
  const exited = once(server, "exit");
  await untilListening(port);
  return {
    url: `ssh://git@127.0.0.1:${port}`,
    knownHost: knownHost(port, `${hostKey}.pub`),
    [Symbol.asyncDispose]: async () => {
      server.kill();
      await exited;
    },
  };
}

/** The line for a `known_hosts` file that says that the server at a port has a key. */
export function knownHost(port: number, publicKey: string): string {
  return `[127.0.0.1]:${port} ${readFileSync(publicKey, "utf8")}`;
}
