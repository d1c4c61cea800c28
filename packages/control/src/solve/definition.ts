import { fromBinary } from "@bufbuild/protobuf";
import { InvalidArgumentError } from "@buildkit-node/core";
import { type Definition, DefinitionSchema, OpSchema } from "@buildkit-node/proto/pb";

/** BuildKit takes messages up to 16 MiB; the rest of a request needs some of that. */
const maxDefinitionBytes = 16 * 1024 * 1024 - 256 * 1024;

/** @throws {InvalidArgumentError} when it is too large for a daemon to take */
export function definitionToProto(bytes: Uint8Array): Definition {
  if (bytes.length > maxDefinitionBytes) {
    const size = `${(bytes.length / 1024 / 1024).toFixed(1)} MiB`;
    const advice = "put large data into a local source in place of the graph";
    throw new InvalidArgumentError(
      "definition",
      bytes.length,
      `the definition has ${size}, BuildKit takes 15.75 MiB; ${advice}`,
    );
  }
  return fromBinary(DefinitionSchema, bytes);
}

const localScheme = "local://";

/** The names of the local sources that a definition reads. */
export function localNames(definition: Definition): ReadonlySet<string> {
  const names = new Set<string>();
  for (const bytes of definition.def) {
    const { op } = fromBinary(OpSchema, bytes);
    if (op.case === "source" && op.value.identifier.startsWith(localScheme)) {
      names.add(op.value.identifier.slice(localScheme.length));
    }
  }
  return names;
}
