import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { InvalidArgumentError } from "@buildkit-node/core";
import {
  Definition,
  fromDefinition,
  type ImageResolver,
  marshal,
  resolve,
  type State,
  scratch,
} from "@buildkit-node/llb";
import type { Platform } from "@buildkit-node/oci";
import { type Definition as DefinitionMessage, DefinitionSchema } from "@buildkit-node/proto/pb";
import { type Capabilities, requireCapability } from "./capabilities.ts";

/** What can be solved: LLB, marshalled or not. */
export type Graph = State | Definition;

/** What a graph is marshalled with. */
export interface GraphContext {
  readonly capabilities: Capabilities;
  /** Looks up the images that the graph wants the config of. */
  readonly resolver: ImageResolver;
  /** What steps that name no platform are for. */
  readonly platform: Platform;
  readonly signal: AbortSignal | undefined;
}

/** BuildKit takes messages up to 16 MiB; the rest of a request needs some of that. */
const maxDefinitionBytes = 15.75 * 1024 * 1024;

/** The state of a definition that the daemon gave. */
export function stateFromProto(definition: DefinitionMessage | undefined): State {
  if (definition === undefined || definition.def.length === 0) return scratch();
  return fromDefinition(Definition.fromBytes(toBinary(DefinitionSchema, definition)));
}

/**
 * The definition that is sent for a graph; undefined for one without any file.
 *
 * @throws {UnsupportedError} when it needs what the daemon cannot do
 * @throws {InvalidArgumentError} when it is too large for a daemon to take
 */
export async function graphToProto(
  graph: Graph,
  context: GraphContext,
): Promise<DefinitionMessage | undefined> {
  const definition = graph instanceof Definition ? graph : await definitionOf(graph, context);
  if (definition.isEmpty) return undefined;
  const { llb } = context.capabilities;
  // A daemon that tells nothing of itself is left to judge.
  for (const id of llb.size === 0 ? [] : definition.caps)
    requireCapability(context.capabilities, id, "the graph");
  return definitionToProto(definition);
}

/** @throws {InvalidArgumentError} when it is too large for a daemon to take */
export function definitionToProto(definition: Definition): DefinitionMessage {
  const bytes = definition.toBytes();
  if (bytes.length > maxDefinitionBytes) {
    const message = `the graph has ${bytes.length} bytes, and a daemon takes ${maxDefinitionBytes} at most`;
    const advice = "send large data as files of a local source";
    throw new InvalidArgumentError("graph", bytes.length, `${message}; ${advice}`);
  }
  return fromBinary(DefinitionSchema, bytes);
}

async function definitionOf(state: State, context: GraphContext): Promise<Definition> {
  const { capabilities, platform, resolver, signal } = context;
  const closed = await resolve(state, { platform, resolver, ...(signal !== undefined && { signal }) });
  const enabled = [...capabilities.llb.values()].filter((one) => one.enabled).map(({ id }) => id);
  return marshal(closed, { platform, ...(enabled.length > 0 && { caps: enabled }) });
}
