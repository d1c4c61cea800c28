import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { type Address, AddressError } from "./address.ts";
import { parseAddress } from "./parse-address.ts";
import { readTlsMaterial, type TlsMaterial } from "./tls-options.ts";

/** Where a Docker Engine is and how to be trusted by it. */
export interface EngineEndpoint {
  readonly address: Address;
  readonly tls?: TlsMaterial;
}

/** The name of the context that is the engine of `DOCKER_HOST` or the machine's own. */
export const defaultContext = "default";

/** The context that the `docker` command has been told to use; undefined where it has not. */
export async function currentContext(configDirectory: string): Promise<string | undefined> {
  const config = await readJson(path.join(configDirectory, "config.json"));
  const current = config?.["currentContext"];
  return typeof current === "string" && current !== "" ? current : undefined;
}

/**
 * The engine of a context, as the `docker` command keeps it below its configuration directory.
 *
 * @throws {AddressError} when there is no such context
 */
export async function contextEndpoint(configDirectory: string, name: string): Promise<EngineEndpoint> {
  const id = createHash("sha256").update(name).digest("hex");
  const meta = await readJson(path.join(configDirectory, "contexts", "meta", id, "meta.json"));
  const docker = record(record(meta?.["Endpoints"])?.["docker"]);
  const host = docker?.["Host"];
  if (typeof host !== "string" || host === "") {
    throw new AddressError(
      `docker://?context=${name}`,
      `there is no Docker context of this name in ${configDirectory}`,
    );
  }
  const address = parseAddress(`docker://${host}`);
  const directory = path.join(configDirectory, "contexts", "tls", id, "docker");
  if (!host.startsWith("tcp://") || !(await hasFiles(directory))) return { address };
  return { address, tls: await readTlsMaterial({ directory }) };
}

async function hasFiles(directory: string): Promise<boolean> {
  const found = await Promise.all(
    ["ca.pem", "cert.pem", "key.pem"].map((name) =>
      readFile(path.join(directory, name)).then(
        () => true,
        () => false,
      ),
    ),
  );
  return found.includes(true);
}

type Json = Readonly<Record<string, unknown>>;

/** The object in a file; undefined where there is no such file or no object in it. */
async function readJson(file: string): Promise<Json | undefined> {
  try {
    return record(JSON.parse(await readFile(file, "utf8")));
  } catch {
    return undefined;
  }
}

function record(value: unknown): Json | undefined {
  return typeof value === "object" && value !== null ? (value as Json) : undefined;
}
