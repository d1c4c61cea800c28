import { imageResult } from "@buildkit-node/gateway";
import type { MarshalledInput } from "./marshal-input.ts";
import type { TypedAttrs } from "./solve-request.ts";

const configKey = "containerimage.config";

/**
 * A Docker Engine with a graph driver has no ear for the image config among an exporter's attributes (seen from BuildKit 0.8
 * to 0.25): there the config has to be the result's own, which only a build function can give it.
 */
export function withConfigInResult(
  input: MarshalledInput,
  exporters: readonly TypedAttrs[],
): MarshalledInput {
  const { graph, definition: _, ...rest } = input;
  const config = exporters.find(({ type, attrs }) => type === "moby" && attrs[configKey])?.attrs[configKey];
  if (graph === undefined || config === undefined) return input;
  const result = imageResult([{ ref: graph }], { metadata: { [configKey]: config } });
  return { ...rest, drive: () => result };
}
