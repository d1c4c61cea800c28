import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { BuildkitError, errorMessage } from "@buildkit-node/core";
import type { RegistryCredentials } from "./credentials.ts";
import { hubConfigKey, hubHost, registryHost } from "./registry-host.ts";

/** What `docker login` leaves behind. Credentials are filed under registry hosts. */
export interface DockerConfig {
  readonly auths: ReadonlyMap<string, RegistryCredentials>;
  /** Helper names by registry host. */
  readonly credHelpers: ReadonlyMap<string, string>;
  /** The helper for every host without one of its own. */
  readonly credsStore: string | undefined;
}

/** Reads `config.json` in a directory; a missing one is an empty one. Throws `ERR_BUILDKIT_AUTH` naming the file. */
export async function readDockerConfig(dir: string): Promise<DockerConfig> {
  const path = join(dir, "config.json");
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") text = "";
    else
      throw new BuildkitError("ERR_BUILDKIT_AUTH", `cannot read ${path}: ${errorMessage(error)}`, {
        cause: error,
      });
  }
  return parseDockerConfig(text, path);
}

/**
 * Parses the text of a `config.json`; `origin` names it in errors, which never quote it. An empty text is an empty
 * configuration.
 */
export function parseDockerConfig(text: string, origin: string): DockerConfig {
  const config = text.trim() === "" ? {} : parseObject(text, origin);
  const auths = new Map<string, RegistryCredentials>();
  for (const [key, entry] of byPrecision(objectAt(config, "auths"))) {
    if (!isObject(entry)) throw malformed(origin, `"auths" of ${key} is not an object`);
    const credentials = credentialsOf(entry, key, origin);
    if (credentials !== undefined) auths.set(registryHost(key), credentials);
  }
  const credHelpers = new Map<string, string>();
  for (const [key, helper] of byPrecision(objectAt(config, "credHelpers"))) {
    if (typeof helper === "string") credHelpers.set(registryHost(key), helper);
  }
  const credsStore = stringAt(config, "credsStore");
  return { auths, credHelpers, credsStore };
}

/** What a helper program is asked for. */
export function helperServerUrl(host: string): string {
  return host === hubHost ? hubConfigKey : host;
}

/** Several keys may stand for one host: the one that is written as Docker writes it comes last, and wins. */
function byPrecision(entries: Readonly<Record<string, unknown>>): [string, unknown][] {
  const exact = (key: string) => (key === helperServerUrl(registryHost(key)) ? 1 : 0);
  return Object.entries(entries).sort(([left], [right]) => exact(left) - exact(right));
}

function credentialsOf(
  entry: Readonly<Record<string, unknown>>,
  key: string,
  origin: string,
): RegistryCredentials | undefined {
  const auth = stringAt(entry, "auth");
  const credentials: RegistryCredentials = {
    username: stringAt(entry, "username"),
    password: stringAt(entry, "password"),
    ...(auth === undefined ? {} : decodeBasic(auth, key, origin)),
    identityToken: stringAt(entry, "identitytoken"),
    registryToken: stringAt(entry, "registrytoken"),
  };
  return Object.values(credentials).some((value) => value !== undefined) ? credentials : undefined;
}

function decodeBasic(auth: string, key: string, origin: string): RegistryCredentials {
  const decoded = Buffer.from(auth, "base64").toString("utf8");
  const colon = decoded.indexOf(":");
  if (colon <= 0) throw malformed(origin, `"auth" of ${key} is not base64 of user:password`);
  return { username: decoded.slice(0, colon), password: decoded.slice(colon + 1).replace(/\0+$/, "") };
}

type JsonObject = Readonly<Record<string, unknown>>;

function parseObject(text: string, origin: string): JsonObject {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // The parser's own message may quote a password.
    throw malformed(origin, "it is not JSON");
  }
  if (!isObject(parsed)) throw malformed(origin, "it is not a JSON object");
  return parsed;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function objectAt(object: JsonObject, key: string): JsonObject {
  const value = object[key];
  return isObject(value) ? value : {};
}

/** An empty text counts as none, as it does in Docker. */
function stringAt(object: JsonObject, key: string): string | undefined {
  const value = object[key];
  return typeof value === "string" && value !== "" ? value : undefined;
}

function malformed(origin: string, why: string): BuildkitError {
  return new BuildkitError("ERR_BUILDKIT_AUTH", `the Docker configuration ${origin} cannot be used: ${why}`);
}
