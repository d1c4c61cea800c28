import { errorMessage } from "@buildkit-node/core";
import { Definition, type DefinitionVertex } from "../definition.ts";
import { LlbError } from "../error.ts";
import {
  type DefinitionLocation,
  type DefinitionSource,
  locationMessage,
  metadataMessage,
  type OpMetadata,
  sourceInfoMessage,
} from "../wire/definition.ts";
import {
  fromBase64,
  type Json,
  type JsonObject,
  jsonArray,
  jsonObject,
  jsonText,
  MalformedJsonError,
  toBase64,
} from "../wire/json.ts";
import { encode, fromJson as messageFromJson, toJson as messageToJson } from "../wire/message.ts";
import { type Op, opMessage } from "../wire/op.ts";
import { Writer } from "../wire/writer.ts";

/**
 * A definition as JSON: `vertices` in the order of the definition, each with its `digest`, `op`, `metadata` and `locations`,
 * and the source `files` that the locations name. What has its default value is left out; keys have a fixed order. The same
 * graph gives the same JSON, so it is fit for snapshots (give `marshal` a `localUniqueId`). An op that is written otherwise
 * than here, as BuildKit before 0.17 does, or has fields of a newer BuildKit, has its `bytes` too.
 */
export function toJSON(definition: Definition): JsonObject {
  const { source, metadata } = definition;
  return {
    vertices: definition.vertices.map((vertex) => ({
      ...opToJson(vertex),
      ...(metadata.has(vertex.digest) && { metadata: messageToJson(metadataMessage, vertex.metadata) }),
      ...locationsToJson(
        source?.locations?.get(vertex.digest)?.locations,
        source?.locations?.has(vertex.digest),
      ),
    })),
    ...(source !== undefined && {
      files: (source.infos ?? []).map((info) => messageToJson(sourceInfoMessage, info)),
    }),
  };
}

/**
 * The definition behind the JSON of {@link toJSON}, as an object or a text.
 *
 * @throws LlbError with reason `json` for JSON of another form, or with digests that its ops do not have
 */
export function fromJSON(json: JsonObject | string): Definition {
  try {
    const object = jsonObject(typeof json === "string" ? (JSON.parse(json) as Json) : json);
    const vertices = jsonArray(object["vertices"]).map(vertexFromJson);
    const definition = Definition.fromWire({
      def: vertices.map(({ bytes }) => bytes),
      metadata: new Map(
        vertices.flatMap(({ digest, metadata }) => (metadata === undefined ? [] : [[digest, metadata]])),
      ),
      ...(object["files"] !== undefined && { source: sourceFromJson(vertices, object["files"]) }),
    });
    checkDigests(definition, vertices);
    return definition;
  } catch (cause) {
    const isMalformed = [MalformedJsonError, LlbError, SyntaxError].some((kind) => cause instanceof kind);
    if (!isMalformed) {
      throw cause;
    }
    throw new LlbError(`the JSON is no graph: ${errorMessage(cause)}`, {
      reason: "json",
      value: json,
      place: fromJSON,
      cause,
    });
  }
}

function locationsToJson(
  locations: readonly DefinitionLocation[] = [],
  isThere = false,
): { readonly locations?: readonly Json[] } {
  return isThere ? { locations: locations.map((location) => messageToJson(locationMessage, location)) } : {};
}

function sourceFromJson(vertices: readonly JsonVertex[], files: Json): DefinitionSource {
  return {
    locations: new Map(
      vertices.flatMap(({ digest, locations }) => (locations === undefined ? [] : [[digest, { locations }]])),
    ),
    infos: jsonArray(files).map((file) => messageFromJson(sourceInfoMessage, file)),
  };
}

function opToJson({ digest, op, bytes }: DefinitionVertex): JsonObject {
  const isWhole = isEqual(encodeOp(op), bytes);
  return { digest, op: messageToJson(opMessage, op), ...(!isWhole && { bytes: toBase64(bytes) }) };
}

interface JsonVertex {
  readonly digest: string;
  readonly bytes: Uint8Array;
  readonly metadata: OpMetadata | undefined;
  readonly locations: readonly DefinitionLocation[] | undefined;
}

function vertexFromJson(json: Json): JsonVertex {
  const object = jsonObject(json);
  const { digest, op, bytes, metadata, locations } = object;
  return {
    digest: jsonText(digest),
    bytes: bytes === undefined ? encodeOp(messageFromJson(opMessage, op ?? {})) : fromBase64(jsonText(bytes)),
    metadata: metadata === undefined ? undefined : messageFromJson(metadataMessage, metadata),
    locations:
      locations === undefined
        ? undefined
        : jsonArray(locations).map((location) => messageFromJson(locationMessage, location)),
  };
}

function checkDigests(definition: Definition, vertices: readonly JsonVertex[]): void {
  definition.digests.forEach((digest, at) => {
    const claimed = vertices[at]?.digest;
    if (digest !== claimed) {
      throw new MalformedJsonError(`op ${at} has the digest ${digest}, not ${claimed}: was it edited?`);
    }
  });
}

function encodeOp(op: Op): Uint8Array {
  const writer = new Writer();
  encode(writer, opMessage, op);
  return writer.finish();
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}
