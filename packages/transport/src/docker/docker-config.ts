import { createHash } from "node:crypto";
import { access, readFile } from "node:fs/promises";
import path from "node:path";
import { errorMessage } from "@buildkit-node/core";
import { ConnectError } from "../connect-error.ts";
import type { Surroundings } from "../surroundings.ts";

/** Docker's configuration: `DOCKER_CONFIG`, else `.docker` in the user's home; undefined for a user without one. */
export function configFolder({ env, platform }: Surroundings): string | undefined {
  const given = env["DOCKER_CONFIG"] ?? "";
  if (given !== "") return given;
  const home = env[platform === "win32" ? "USERPROFILE" : "HOME"] ?? "";
  return home === "" ? undefined : path.join(home, ".docker");
}

/** A context's name and who chose it. */
export interface ChosenContext {
  readonly name: string;
  readonly origin: string;
}

/** The context that `docker context use` chose, if any. */
export async function currentContext(around: Surroundings): Promise<ChosenContext | undefined> {
  const folder = configFolder(around);
  if (folder === undefined) return undefined;
  const file = path.join(folder, "config.json");
  const name = member(await readJson(file, `from ${file}`), "currentContext");
  return typeof name === "string" && name !== "" ? { name, origin: file } : undefined;
}

/** What a context says of its engine. */
export interface StoredContext {
  readonly host: string;
  /** Holds `ca.pem`, `cert.pem` and `key.pem`, where the context has any. */
  readonly tlsFolder: string | undefined;
  /** True when any certificate will do. */
  readonly skipVerify: boolean;
}

/** Reads a context of the store, which keeps each in folders named by the SHA-256 of its name. */
export async function readContext(
  name: string,
  origin: string,
  around: Surroundings,
): Promise<StoredContext> {
  const store = path.join(configFolder(around) ?? "", "contexts");
  const id = createHash("sha256").update(name).digest("hex");
  const meta = await readJson(path.join(store, "meta", id, "meta.json"), origin);
  if (meta === undefined) {
    throw unusable(origin, `there is no such Docker context in ${store}`, "docker context ls lists them");
  }
  const endpoint = member(member(meta, "Endpoints"), "docker");
  const host = member(endpoint, "Host");
  if (typeof host !== "string" || host === "") {
    throw unusable(
      origin,
      "the Docker context has no address of an engine",
      "docker context inspect shows it",
    );
  }
  const tlsFolder = path.join(store, "tls", id, "docker");
  return {
    host,
    tlsFolder: (await exists(tlsFolder)) ? tlsFolder : undefined,
    skipVerify: member(endpoint, "SkipTLSVerify") === true,
  };
}

/** The file's value, or undefined when there is no such file. */
async function readJson(file: string, origin: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw unusable(origin, `${file} cannot be read: ${errorMessage(error)}`, "check its permissions", error);
  }
  try {
    return JSON.parse(text);
  } catch {
    // The parser's error repeats a piece of the text, which holds credentials.
    throw unusable(origin, `${file} is not JSON`, "mend it, or name another folder in DOCKER_CONFIG");
  }
}

function member(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.getOwnPropertyDescriptor(value, name)?.value;
}

function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

function unusable(origin: string, problem: string, advice: string, cause?: unknown): ConnectError {
  return new ConnectError([{ address: "docker://", origin, failure: "other", problem, advice }], { cause });
}
