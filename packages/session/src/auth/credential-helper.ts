import { errorMessage } from "@buildkit-node/core";
import { RegistryAuthError, type RegistryCredentials } from "./credentials.ts";
import { registryHost } from "./registry-host.ts";

/** Asks `docker-credential-<helper>` for the credentials of a server; `undefined` when it has none. */
export type CredentialHelper = (
  helper: string,
  serverUrl: string,
) => Promise<RegistryCredentials | undefined>;

/** The user name that marks the secret as an identity token. */
const tokenUsername = "<token>";

/**
 * Runs the helper programs found on PATH, with `env` as their environment. Calls of one helper wait for each other,
 * because keychains dislike parallel ones; one that takes longer than `timeoutMs` is killed.
 */
export function credentialHelpers(env: NodeJS.ProcessEnv, timeoutMs: number): CredentialHelper {
  const last = new Map<string, Promise<unknown>>();
  return (helper, serverUrl) => {
    const turn = (last.get(helper) ?? Promise.resolve()).then(() => get(helper, serverUrl, env, timeoutMs));
    const settled = turn.catch(() => {});
    last.set(helper, settled);
    return turn;
  };
}

async function get(
  helper: string,
  serverUrl: string,
  env: NodeJS.ProcessEnv,
  timeoutMs: number,
): Promise<RegistryCredentials | undefined> {
  const program = `docker-credential-${helper}`;
  const { exitCode, output, givenUp } = await run(program, serverUrl, env, timeoutMs).catch(
    (cause: unknown) => {
      throw failure(serverUrl, `cannot run ${program} for ${serverUrl}: ${errorMessage(cause)}`, cause);
    },
  );
  if (givenUp !== undefined) throw failure(serverUrl, `${program} was killed: ${givenUp} for ${serverUrl}`);
  // Helpers tell what went wrong on their standard output.
  const reason = output.trim();
  if (exitCode === 0) return parse(program, serverUrl, output);
  if (reason === "credentials not found in native keychain") return undefined;
  const how = exitCode === null ? "killed by a signal" : `exit code ${exitCode}`;
  throw failure(
    serverUrl,
    `${program} failed for ${serverUrl} (${how}): ${reason.slice(0, 500) || "it gave no reason"}`,
  );
}

function failure(serverUrl: string, message: string, cause?: unknown): RegistryAuthError {
  return new RegistryAuthError(registryHost(serverUrl), message, cause === undefined ? {} : { cause });
}

function parse(program: string, serverUrl: string, output: string): RegistryCredentials | undefined {
  const answer = parseAnswer(output);
  if (answer === undefined) {
    // The answer itself is a secret.
    throw new RegistryAuthError(
      serverUrl,
      `${program} gave an answer for ${serverUrl} that is not understood`,
    );
  }
  const { Username: username, Secret: secret } = answer;
  if (secret === "") return undefined;
  return username === tokenUsername ? { identityToken: secret } : { username, password: secret };
}

function parseAnswer(output: string): { readonly Username: string; readonly Secret: string } | undefined {
  try {
    const answer: unknown = JSON.parse(output);
    if (typeof answer !== "object" || answer === null) return undefined;
    const { Username = "", Secret = "" } = answer as Readonly<Record<string, unknown>>;
    return typeof Username === "string" && typeof Secret === "string" ? { Username, Secret } : undefined;
  } catch {
    return undefined;
  }
}

interface HelperRun {
  readonly exitCode: number | null;
  readonly output: string;
  /** Why it was killed, if it was. */
  readonly givenUp: string | undefined;
}

/** No credentials are longer. */
const maxOutputBytes = 1 << 20;

async function run(
  program: string,
  input: string,
  env: NodeJS.ProcessEnv,
  timeoutMs: number,
): Promise<HelperRun> {
  const { spawn } = await import("node:child_process");
  return new Promise((resolve, reject) => {
    const child = spawn(program, ["get"], { env, stdio: ["pipe", "pipe", "ignore"] });
    const output: Buffer[] = [];
    let outputBytes = 0;
    let givenUp: string | undefined;
    const giveUp = (why: string): void => {
      givenUp ??= why;
      child.kill("SIGKILL");
      // A process that the helper has started may hold the other end.
      child.stdout.destroy();
    };
    const timer = setTimeout(() => giveUp(`it may take ${timeoutMs} ms`), timeoutMs);
    child.stdout.on("data", (chunk: Buffer) => {
      output.push(chunk);
      outputBytes += chunk.length;
      if (outputBytes > maxOutputBytes) giveUp(`it may answer ${maxOutputBytes} bytes`);
    });
    child.on("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on("close", (exitCode) => {
      clearTimeout(timer);
      resolve({ exitCode, output: Buffer.concat(output).toString("utf8"), givenUp });
    });
    // A helper that ends without reading is judged by its exit code.
    child.stdin.on("error", () => {});
    child.stdin.end(input);
  });
}
