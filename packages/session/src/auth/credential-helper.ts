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
  const { exitCode, output } = await run(program, serverUrl, env, timeoutMs).catch((cause: unknown) => {
    throw failure(serverUrl, `cannot run ${program} for ${serverUrl}: ${errorMessage(cause)}`, cause);
  });
  // Helpers tell what went wrong on their standard output.
  const reason = output.trim();
  if (exitCode === 0) return parse(program, serverUrl, output);
  if (reason === "credentials not found in native keychain") return undefined;
  if (exitCode === null)
    throw failure(serverUrl, `${program} was killed: it may take ${timeoutMs} ms for ${serverUrl}`);
  throw failure(
    serverUrl,
    `${program} failed for ${serverUrl} (exit code ${exitCode}): ${reason.slice(0, 500) || "it gave no reason"}`,
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

async function run(
  program: string,
  input: string,
  env: NodeJS.ProcessEnv,
  timeoutMs: number,
): Promise<{ readonly exitCode: number | null; readonly output: string }> {
  const { spawn } = await import("node:child_process");
  return new Promise((resolve, reject) => {
    const child = spawn(program, ["get"], {
      env,
      stdio: ["pipe", "pipe", "ignore"],
      timeout: timeoutMs,
      killSignal: "SIGKILL",
    });
    const output: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
    child.on("error", reject);
    child.on("close", (exitCode) => resolve({ exitCode, output: Buffer.concat(output).toString("utf8") }));
    // A helper that ends without reading is judged by its exit code.
    child.stdin.on("error", () => {});
    child.stdin.end(input);
  });
}
