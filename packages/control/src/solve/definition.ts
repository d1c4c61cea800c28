import { fromBinary } from "@bufbuild/protobuf";
import { InvalidArgumentError } from "@buildkit-node/core";
import type { Definition } from "@buildkit-node/llb";
import { DefinitionSchema, type Definition as WireDefinition } from "@buildkit-node/proto/pb";

/** BuildKit takes messages up to 16 MiB; the rest of a request needs some of that. */
const maxDefinitionMib = 15.75;

/** @throws {InvalidArgumentError} when it is too large for a daemon to take */
export function definitionToProto(definition: Definition): WireDefinition {
  const bytes = definition.toBytes();
  const sizeMib = bytes.length / 1024 / 1024;
  if (sizeMib > maxDefinitionMib) {
    const message = `the definition has ${sizeMib.toFixed(1)} MiB, and a daemon takes ${maxDefinitionMib} MiB at most`;
    throw new InvalidArgumentError(
      "definition",
      sizeMib,
      `${message}; send large data as files of a local source`,
    );
  }
  return fromBinary(DefinitionSchema, bytes);
}

const localScheme = "local://";

/** The names of the local sources that a definition reads from the session of its build. */
export function localNames(definition: Definition): readonly string[] {
  return definition.vertices.flatMap(({ op }) => {
    const source = op.source;
    return source?.identifier?.startsWith(localScheme) === true
      ? [source.identifier.slice(localScheme.length)]
      : [];
  });
}
