import { InvalidArgumentError } from "@buildkit-node/core";
import type { GhaCache, S3Cache } from "./cache-options.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * What a step of a GitHub workflow finds in its environment, for `{ type: "gha", ...ghaCacheVariables() }`. Only actions see
 * these variables; a `run` step needs them handed on.
 *
 * @throws {InvalidArgumentError} where there is no token
 */
export function ghaCacheVariables(
  env: Environment = process.env,
): Pick<GhaCache, "token" | "url" | "urlV2" | "version"> {
  const token = env["ACTIONS_RUNTIME_TOKEN"];
  if (!token) {
    const message = "there is no ACTIONS_RUNTIME_TOKEN: hand the variables of the workflow's runner on";
    throw new InvalidArgumentError("env", undefined, message);
  }
  return {
    token,
    ...(isSet(env["ACTIONS_CACHE_SERVICE_V2"]) && { version: "2" }),
    ...(env["ACTIONS_CACHE_URL"] && { url: env["ACTIONS_CACHE_URL"] }),
    ...(env["ACTIONS_RESULTS_URL"] && { urlV2: env["ACTIONS_RESULTS_URL"] }),
  };
}

/** What AWS's own programs find in the environment, for `{ type: "s3", ...s3CacheVariables() }`. */
export function s3CacheVariables(
  env: Environment = process.env,
): Pick<S3Cache, "accessKeyId" | "secretAccessKey" | "sessionToken" | "region" | "bucket"> {
  const variables = {
    accessKeyId: env["AWS_ACCESS_KEY_ID"],
    secretAccessKey: env["AWS_SECRET_ACCESS_KEY"],
    sessionToken: env["AWS_SESSION_TOKEN"],
    region: env["AWS_REGION"],
    bucket: env["AWS_BUCKET"],
  };
  return Object.fromEntries(Object.entries(variables).filter(([, value]) => value));
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && !["", "0", "f", "false"].includes(value.toLowerCase());
}
