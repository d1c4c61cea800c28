import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { BuildkitError, InvalidArgumentError } from "@buildkit-node/core";
import { Definition } from "@buildkit-node/llb";
import { type Result as ResultMessage, ResultSchema, type SolveResponse } from "@buildkit-node/proto/gateway";
import { attestationFromProto, attestationToProto } from "./attestation.ts";
import { requireCapability } from "./capabilities.ts";
import type { Graph } from "./definition.ts";
import { Reference, type ReferenceOwner } from "./reference.ts";
import type { BuildOutput, Result } from "./result.ts";

/** @throws {BuildkitError} when the daemon answered in a form that was not asked for */
export function resultFromProto(owner: ReferenceOwner, response: SolveResponse): Result {
  const { result: message } = response;
  if (message === undefined) {
    throw new BuildkitError("ERR_BUILDKIT_PROTOCOL", "the daemon answered a solve without a result");
  }
  const refOf = (id: string) => new Reference(owner, id);
  const attestations = Object.entries(message.attestations).map(
    ([platform, { attestation }]) =>
      [platform, attestation.map((one) => attestationFromProto(one, refOf))] as const,
  );
  return {
    ...trees(owner, message),
    metadata: new Map(Object.entries(message.metadata)),
    attestations: new Map(attestations),
  };
}

function trees(owner: ReferenceOwner, { result }: ResultMessage): Pick<Result, "ref" | "refs"> {
  switch (result.case) {
    case "ref":
      return { ref: new Reference(owner, result.value.id, result.value.def) };
    case "refs":
      return {
        refs: new Map(
          Object.entries(result.value.refs).map(([id, ref]) => [id, new Reference(owner, ref.id, ref.def)]),
        ),
      };
    case "refDeprecated":
    case "refsDeprecated":
    case undefined:
      // Plain ids are answers to who does not ask for references.
      return {};
  }
}

/** What {@link resultToProto} needs of a gateway. */
export interface ResultSolver extends ReferenceOwner {
  readonly solve: (graph: Graph) => Promise<Reference>;
}

/** What a build function returned, solved as far as it is LLB. It always holds a result, be it an empty one. */
export async function resultToProto(owner: ResultSolver, output: BuildOutput): Promise<ResultMessage> {
  if (!isResult(output)) {
    return create(ResultSchema, { result: { case: "ref", value: { id: await treeId(owner, output) } } });
  }
  if (output.ref !== undefined && output.refs !== undefined) {
    throw new InvalidArgumentError("result", output, "a result has either ref or refs, not both");
  }
  if (output.attestations.size > 0) {
    requireCapability(owner.capabilities, "reference.attestations", "attaching attestations to a result");
  }
  return create(ResultSchema, {
    result: await treesToProto(owner, output),
    metadata: Object.fromEntries(output.metadata),
    attestations: Object.fromEntries(
      [...output.attestations].map(([platform, list]) => [
        platform,
        { attestation: list.map((one) => attestationToProto(owner, one)) },
      ]),
    ),
  });
}

async function treesToProto(
  owner: ResultSolver,
  { ref, refs }: Pick<Result<Graph | Reference>, "ref" | "refs">,
): Promise<NonNullable<MessageInitShape<typeof ResultSchema>["result"]>> {
  if (refs === undefined) return { case: "ref", value: { id: await treeId(owner, ref) } };
  if (refs.size > 1) {
    requireCapability(owner.capabilities, "returnmap", "returning a result for several platforms");
  }
  const entries = [...refs].map(async ([platform, tree]) => {
    return [platform, { id: await treeId(owner, tree) }] as const;
  });
  return { case: "refs", value: { refs: Object.fromEntries(await Promise.all(entries)) } };
}

/** The id of what a function returned; empty for nothing. */
async function treeId(owner: ResultSolver, tree: Graph | Reference | undefined): Promise<string> {
  if (tree === undefined) return "";
  if (tree instanceof Reference) return tree.idFor(owner, "result");
  if (isGraph(tree)) return (await owner.solve(tree)).id;
  throw new InvalidArgumentError(
    "result",
    tree,
    "a build function returns a state, a definition, a reference, a result, or nothing",
  );
}

/** Who writes JavaScript may return anything. */
function isGraph(tree: Graph): boolean {
  return tree instanceof Definition || (typeof tree === "object" && tree !== null && "isOpen" in tree);
}

function isResult(output: BuildOutput): output is Result<Graph | Reference> {
  return (
    typeof output === "object" &&
    output !== null &&
    "metadata" in output &&
    output.metadata instanceof Map &&
    "attestations" in output
  );
}
