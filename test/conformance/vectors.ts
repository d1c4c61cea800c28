import { create, equals, fromBinary } from "@bufbuild/protobuf";
import { BuildkitError } from "@buildkit-node/core";
import type { Definition } from "@buildkit-node/llb";
import { DefinitionSchema, type Definition as PbDefinition } from "@buildkit-node/proto/pb";
import { exemptions } from "./exemptions.ts";
import { interpret } from "./interpreter.ts";
import { NotOfferedError } from "./values.ts";

/** One vector of a file. */
export interface Vector {
  readonly name: string;
  readonly program: string;
  readonly constraints: Readonly<Record<string, unknown>>;
  /** Base64 of the expected definition; absent where an error is expected. */
  readonly definition?: string;
  readonly expectError?: { readonly kind: string; readonly stage: string; readonly description: string };
}

/** How a vector came out. */
export type Outcome =
  | { readonly kind: "identical" }
  | { readonly kind: "exempt"; readonly reason: string }
  | { readonly kind: "failed"; readonly reason: string };

/** Carries out a vector, and compares what comes out with what the reference made of it. */
export async function checkVector(vector: Vector): Promise<Outcome> {
  const made = await attempt(vector);
  if (isOurFault(made)) {
    return failed(made.stack ?? String(made));
  }
  if (vector.definition === undefined) {
    return made instanceof Error
      ? { kind: "identical" }
      : failed(`no error: ${vector.expectError?.description}`);
  }
  const exemption = exemptions.get(vector.name);
  if (made instanceof Error) {
    return exemption?.allows === "refusal" &&
      (made instanceof BuildkitError || made instanceof NotOfferedError)
      ? { kind: "exempt", reason: exemption.reason }
      : failed(made.stack ?? String(made));
  }
  const expected = fromBinary(DefinitionSchema, Buffer.from(vector.definition, "base64"));
  const actual = fromBinary(DefinitionSchema, made.toBytes());
  const difference = opDifference(expected.def, actual.def) ?? otherDifference(expected, actual);
  if (difference === undefined) {
    return { kind: "identical" };
  }
  return exemption?.allows === "metadata" && difference.in === "metadata"
    ? { kind: "exempt", reason: exemption.reason }
    : failed(difference.text);
}

/** Whether the interpreter itself failed: that is no refusal. */
function isOurFault(made: Definition | Error): made is Error {
  return [TypeError, SyntaxError, ReferenceError, RangeError].some((kind) => made instanceof kind);
}

async function attempt({ program, constraints }: Vector): Promise<Definition | Error> {
  try {
    return await interpret(program, constraints);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

interface Difference {
  readonly in: "ops" | "metadata" | "source";
  readonly text: string;
}

function opDifference(
  expected: readonly Uint8Array[],
  actual: readonly Uint8Array[],
): Difference | undefined {
  const at = expected.findIndex(
    (bytes, index) => !Buffer.from(bytes).equals(actual[index] ?? new Uint8Array()),
  );
  if (at < 0 && expected.length === actual.length) {
    return undefined;
  }
  return {
    in: "ops",
    text:
      at < 0
        ? `${actual.length} ops instead of ${expected.length}`
        : `op ${at}:\n  expected ${hex(expected[at])}\n  made     ${hex(actual[at])}`,
  };
}

/** Metadata and sources are compared after decoding, whatever the order of their maps. */
function otherDifference(expected: PbDefinition, actual: PbDefinition): Difference | undefined {
  const only = (definition: PbDefinition, field: "metadata" | "Source") =>
    create(DefinitionSchema, { [field]: definition[field] });
  for (const field of ["metadata", "Source"] as const) {
    if (!equals(DefinitionSchema, only(expected, field), only(actual, field))) {
      const text = `${field}:\n  expected ${json(expected[field])}\n  made     ${json(actual[field])}`;
      return { in: field === "metadata" ? "metadata" : "source", text };
    }
  }
  return undefined;
}

function hex(bytes: Uint8Array | undefined): string {
  return bytes === undefined ? "nothing" : Buffer.from(bytes).toString("hex");
}

function json(value: unknown): string {
  return JSON.stringify(value, (_, item) => (typeof item === "bigint" ? item.toString() : (item as unknown)));
}

function failed(reason: string): Outcome {
  return { kind: "failed", reason };
}
