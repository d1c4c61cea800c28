import { fromBinary } from "@bufbuild/protobuf";
import type { Result } from "@buildkit-node/gateway";
import type { Definition } from "@buildkit-node/llb";
import { type JsonValue, toJson } from "@buildkit-node/proto/json";
import { DefinitionSchema, OpMetadataSchema, OpSchema, SourceSchema } from "@buildkit-node/proto/pb";
import { answer, type Subrequest } from "./subrequest.ts";

export const convertLlbSubrequest: Subrequest = {
  name: "frontend.convertllb",
  version: "0.1.0",
  description: "Convert the build definition to LLB",
  metadata: [{ name: "result.json" }],
};

/** The graph of a build as JSON, in place of the build. */
export function convertLlbResult(definition: Definition): Result {
  const { metadata, Source: source } = fromBinary(DefinitionSchema, definition.toBytes());
  const def = definition.ops.map((bytes, at): [string, JsonValue] => [
    definition.digests[at] ?? "",
    toJson(OpSchema, fromBinary(OpSchema, bytes)),
  ]);
  const notes = Object.entries(metadata).map(([digest, note]) => [digest, toJson(OpMetadataSchema, note)]);
  return answer(convertLlbSubrequest, {
    def: Object.fromEntries(def),
    metadata: Object.fromEntries(notes),
    source: source === undefined ? {} : toJson(SourceSchema, source),
  });
}
