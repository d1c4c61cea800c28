import { parseReference } from "@buildkit-node/oci";
import type { Dialer } from "@buildkit-node/transport";
import { askEngine, type EngineAnswer, messageOf } from "./engine-call.ts";
import { EngineError } from "./engine-error.ts";

/** Whether an engine has one of these images. Image stores differ in what an image's id is: manifest or config. */
export async function findImage(
  engine: Dialer,
  digests: readonly string[],
  signal?: AbortSignal,
): Promise<string | undefined> {
  for (const digest of digests) {
    const answer = await askEngine(engine, { method: "GET", path: `/images/${digest}/json` }, signal);
    if (answer.status === 200) return digest;
    if (answer.status !== 404) throw refused(engine, answer);
  }
  return undefined;
}

/** Names an image that an engine has. */
export async function tagImage(
  engine: Dialer,
  digest: string,
  name: string,
  signal?: AbortSignal,
): Promise<void> {
  const { domain, path, tag = "latest" } = parseReference(name);
  const query = new URLSearchParams({ repo: `${domain}/${path}`, tag });
  const answer = await askEngine(engine, { method: "POST", path: `/images/${digest}/tag?${query}` }, signal);
  if (answer.status !== 201) throw refused(engine, answer);
}

/**
 * Whether an engine keeps images as containerd does: whole indexes, whatever their platforms.
 *
 * @throws {EngineError} when what answers is no engine, or one that refuses
 */
export async function keepsIndexes(engine: Dialer, signal?: AbortSignal): Promise<boolean> {
  const answer = await askEngine(engine, { method: "GET", path: "/info" }, signal);
  if (answer.status !== 200) throw refused(engine, answer);
  return answer.text.includes('"io.containerd.snapshotter.v1"');
}

function refused({ address }: Dialer, answer: EngineAnswer): EngineError {
  return new EngineError(address, { status: answer.status, text: messageOf(answer) });
}
