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

/** The state of a definition that the daemon gave; an empty one is that of no file. */
export function stateFromBytes(bytes: Uint8Array): State {
  const definition = Definition.fromBytes(bytes);
  return definition.isEmpty ? scratch() : fromDefinition(definition);
}

/**
 * The definition of a graph as it is sent; no bytes for one without any file.
 *
 * @throws {UnsupportedError} when it needs what the daemon cannot do
 * @throws {InvalidArgumentError} when it is too large for a daemon to take
 */
export async function graphBytes(graph: Graph, context: GraphContext): Promise<Uint8Array> {
  const definition = graph instanceof Definition ? graph : await definitionOf(graph, context);
  const { llb } = context.capabilities;
  // A daemon that tells nothing of itself is left to judge.
  for (const id of llb.size === 0 ? [] : definition.caps)
    requireCapability(context.capabilities, id, "the graph");
  return definitionBytes(definition);
}

/**
 * A definition as it is sent.
 *
 * @throws {InvalidArgumentError} when it is too large for a daemon to take
 */
export function definitionBytes(definition: Definition): Uint8Array {
  const bytes = definition.toBytes();
  if (bytes.length > maxDefinitionBytes) {
    const message = `the graph has ${bytes.length} bytes, and a daemon takes ${maxDefinitionBytes} at most`;
    const advice = "send large data as files of a local source";
    throw new InvalidArgumentError("graph", bytes.length, `${message}; ${advice}`);
  }
  return bytes;
}

async function definitionOf(state: State, context: GraphContext): Promise<Definition> {
  const { capabilities, platform, resolver, signal } = context;
  const closed = await resolve(state, { platform, resolver, ...(signal !== undefined && { signal }) });
  const enabled = [...capabilities.llb.values()].filter((one) => one.enabled).map(({ id }) => id);
  return marshal(closed, { platform, ...(enabled.length > 0 && { caps: enabled }) });
}
