import type { Platform } from "@buildkit-node/oci";
import type { Constraints } from "./constraints.ts";
import type { FileAction } from "./file-action.ts";
import type { BoundMount, SecretMount, SshMount } from "./mount.ts";
import type { Device, ProxyEnv } from "./run-options.ts";
import type { Settings } from "./settings.ts";
import type { SourceLocation } from "./source-map.ts";
import type { OpMetadata } from "./wire/definition.ts";

/**
 * A node of the graph: frozen data that knows nothing of its encoding. Its identity is the object; two vertices that
 * turn out to have equal bytes become one when they are marshalled.
 */
export type Vertex =
  | SourceVertex
  | ExecVertex
  | FileVertex
  | MergeVertex
  | DiffVertex
  | BuildVertex
  | PassthroughVertex
  | ImportedVertex;

/** One of the results of a vertex. */
export interface Output {
  readonly vertex: Vertex;
  readonly index: number;
  /** The platform that a state takes over with this output. */
  readonly platform?: Platform;
}

interface BuiltVertex {
  readonly constraints: Constraints;
}

export interface SourceVertex extends BuiltVertex {
  readonly kind: "source";
  readonly identifier: string;
  readonly attrs: ReadonlyMap<string, string>;
  readonly caps: readonly string[];
}

export interface ExecVertex extends BuiltVertex {
  readonly kind: "exec";
  readonly args: readonly string[];
  /** The state's settings as this step has them. */
  readonly settings: Settings;
  /** With the root among them, in the order of their targets. */
  readonly mounts: readonly BoundMount[];
  readonly secrets: readonly SecretMount[];
  readonly ssh: readonly SshMount[];
  readonly devices: readonly Device[];
  readonly validExitCodes: readonly number[] | undefined;
  readonly proxy: ProxyEnv | undefined;
}

export interface FileVertex extends BuiltVertex {
  readonly kind: "file";
  readonly actions: readonly BoundAction[];
  /** What the actions read, in the order in which the op numbers it; the same output may stand here twice. */
  readonly inputs: readonly Output[];
}

/** A file action in its place. */
export interface BoundAction {
  /** The action, with its paths made absolute. */
  readonly action: FileAction;
  /** What the owner's names are looked up in, and what the first action of a chain changes. */
  readonly base: Output | undefined;
  /** The place in the list of the action whose result this one changes; absent for the first of a chain. */
  readonly previous: number | undefined;
  /** What a copy reads: an output, or the result of an earlier action. */
  readonly from: Output | { readonly action: number } | undefined;
}

export interface MergeVertex extends BuiltVertex {
  readonly kind: "merge";
  readonly inputs: readonly Output[];
}

export interface DiffVertex extends BuiltVertex {
  readonly kind: "diff";
  readonly lower: Output | undefined;
  readonly upper: Output | undefined;
}

export interface BuildVertex extends BuiltVertex {
  readonly kind: "build";
  readonly input: Output;
  readonly filename: string;
}

export interface PassthroughVertex extends BuiltVertex {
  readonly kind: "passthrough";
  readonly id: string;
  readonly inputs: readonly Output[];
  /** For each output the place of its input. */
  readonly outputs: readonly number[];
}

/** A vertex read from a definition: its bytes stay as they are. */
export interface ImportedVertex {
  readonly kind: "imported";
  readonly digest: string;
  readonly bytes: Uint8Array;
  readonly inputs: readonly Output[];
  readonly metadata: OpMetadata;
  readonly locations: readonly SourceLocation[];
}
