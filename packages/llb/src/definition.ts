import { sha256 } from "#sha256";
import { LlbError } from "./error.ts";
import {
  type DefinitionSource,
  definitionMessage,
  type OpMetadata,
  type WireDefinition,
} from "./wire/definition.ts";
import { decode, encode, type Message } from "./wire/message.ts";
import { type Op, opMessage, opSourceMessage } from "./wire/op.ts";
import { MalformedBytesError } from "./wire/reader.ts";
import { Writer } from "./wire/writer.ts";

/** One vertex of a definition, decoded. */
export interface DefinitionVertex {
  readonly digest: string;
  readonly bytes: Uint8Array;
  readonly op: Op;
  readonly metadata: OpMetadata;
}

/** A marshalled graph: what is sent to a daemon. Immutable. */
export class Definition {
  /** The definition of an empty filesystem. */
  static readonly empty: Definition = new Definition([], () => ({}));

  /** The ops as they go over the wire: each after those that it reads, the one that names the output last. */
  readonly ops: readonly Uint8Array[];
  readonly #describe: () => OpsDescription;
  #description: OpsDescription | undefined;
  #digests: readonly string[] | undefined;
  #sources: readonly string[] | undefined;
  #vertices: readonly DefinitionVertex[] | undefined;

  /**
   * Definitions are made by `marshal`, `Definition.fromWire` and `Definition.fromBytes`.
   *
   * @param describe called once, when what it gives is first asked for
   */
  constructor(ops: readonly Uint8Array[], describe: () => OpsDescription, digests?: readonly string[]) {
    this.ops = ops;
    this.#describe = describe;
    this.#digests = digests;
  }

  /** A definition from the fields of its message. */
  static fromWire(wire: WireDefinition): Definition {
    return new Definition(wire.def ?? [], () => wire);
  }

  /**
   * Reads a definition from protobuf. Its ops are kept as they are.
   *
   * @throws LlbError with reason `definition` for bytes that are no definition
   */
  static fromBytes(bytes: Uint8Array): Definition {
    try {
      return Definition.fromWire(decode(definitionMessage, Uint8Array.from(bytes)));
    } catch (cause) {
      throw unreadable("the definition cannot be read", bytes, cause);
    }
  }

  /** Writes the definition as protobuf, its maps in the order of their keys. */
  toBytes(): Uint8Array<ArrayBuffer> {
    const writer = new Writer();
    encode(writer, definitionMessage, this.toWire());
    return Uint8Array.from(writer.finish());
  }

  /** The fields of the definition's message. */
  toWire(): WireDefinition {
    return this.isEmpty ? {} : { def: this.ops, metadata: this.metadata, ...sourceOf(this.source) };
  }

  /** The metadata of the ops by digest. */
  get metadata(): ReadonlyMap<string, OpMetadata> {
    return this.#described.metadata ?? new Map();
  }

  /** Where the ops were written. */
  get source(): DefinitionSource | undefined {
    return this.#described.source;
  }

  get isEmpty(): boolean {
    return this.ops.length === 0;
  }

  /** The digests of the ops, in their order. */
  get digests(): readonly string[] {
    this.#digests ??= this.ops.map((bytes) => `sha256:${sha256.hex(bytes)}`);
    return this.#digests;
  }

  /** The digest of the last op: it stands for the whole graph and the output that is asked for. Absent if empty. */
  get digest(): string | undefined {
    return this.digests.at(-1);
  }

  /** The digest of the vertex whose output is asked for. Absent if empty. */
  get head(): string | undefined {
    return this.vertices.at(-1)?.op.inputs?.[0]?.digest;
  }

  /** All capabilities that the daemon must have. */
  get caps(): ReadonlySet<string> {
    const all = new Set<string>();
    for (const { caps = [] } of this.metadata.values()) for (const id of caps) all.add(id);
    return all;
  }

  /**
   * The identifiers of the sources that it reads, such as `local://context`, in the order of the ops.
   *
   * @throws LlbError with reason `definition` for an op that cannot be read
   */
  get sources(): readonly string[] {
    this.#sources ??= this.ops.flatMap((bytes, at) => {
      const { source } = decodeOp(opSourceMessage, bytes, this.digests[at] ?? "");
      return source === undefined ? [] : [source.identifier ?? ""];
    });
    return this.#sources;
  }

  /**
   * The ops, decoded, with their metadata.
   *
   * @throws LlbError with reason `definition` for an op that cannot be read
   */
  get vertices(): readonly DefinitionVertex[] {
    this.#vertices ??= this.ops.map((bytes, at) => {
      const digest = this.digests[at] ?? "";
      return {
        digest,
        bytes,
        op: decodeOp(opMessage, bytes, digest),
        metadata: this.metadata.get(digest) ?? {},
      };
    });
    return this.#vertices;
  }

  get #described(): OpsDescription {
    this.#description ??= this.#describe();
    return this.#description;
  }
}

/** What is known about ops beside their bytes. */
type OpsDescription = Pick<WireDefinition, "metadata" | "source">;

function sourceOf(source: DefinitionSource | undefined): { readonly source?: DefinitionSource } {
  return source === undefined ? {} : { source };
}

function decodeOp<T extends Partial<Op>>(type: Message<T>, bytes: Uint8Array, digest: string): T {
  try {
    return decode(type, bytes);
  } catch (cause) {
    throw unreadable(`op ${digest} cannot be read`, bytes, cause);
  }
}

function unreadable(message: string, value: Uint8Array, cause: unknown): unknown {
  return cause instanceof MalformedBytesError
    ? new LlbError(`${message}: ${cause.message}`, { reason: "definition", value, cause })
    : cause;
}
