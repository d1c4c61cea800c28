import { create } from "@bufbuild/protobuf";
import { GetSecretResponseSchema, Secrets } from "@buildkit-node/proto/secrets";
import { CallError, StatusCode, unary } from "@buildkit-node/transport";
import type { Attachable } from "../attachable.ts";
import { checkSecret, readSecret, type SecretProvider, type SecretSource } from "./secret-source.ts";

export interface SecretsOptions {
  /** Secrets by their ids, or a function that is asked for each. */
  readonly secrets: Readonly<Record<string, SecretSource>> | SecretProvider;
  /** The environment that `env` sources name a variable of; the process's own by default. */
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * Gives builds the secrets that they ask for. An id that is not there is answered so: daemons ask for some ids of their own
 * accord, such as `HTTP_AUTH_TOKEN_<host>`, and a secret may be optional.
 *
 * Rejects with an `InvalidArgumentError` when a file is missing, a variable is not set, or a secret is over 500 KiB.
 */
export async function secretsService(options: SecretsOptions): Promise<Attachable> {
  const env = options.env ?? process.env;
  const find = await finder(options.secrets, env);
  return {
    methods: new Map([
      unary(Secrets.method.getSecret, async ({ ID: id }, { signal }) => {
        const source = find(id);
        const data = source === undefined ? undefined : await readSecret(id, source, { env, signal });
        if (data === undefined) throw new CallError(StatusCode.notFound, `secret ${id}: not found`);
        return create(GetSecretResponseSchema, { data });
      }),
    ]),
  };
}

async function finder(
  secrets: SecretsOptions["secrets"],
  env: NodeJS.ProcessEnv,
): Promise<(id: string) => SecretSource | undefined> {
  if (typeof secrets === "function") return () => secrets;
  const sources = new Map(Object.entries(secrets));
  for (const [id, source] of sources) await checkSecret(id, source, env);
  return (id) => sources.get(id);
}
