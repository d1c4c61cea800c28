import { InvalidArgumentError } from "@buildkit-node/core";
import type { State } from "@buildkit-node/llb";
import type { Bridge } from "./bridge.ts";
import { type Capabilities, hasCapability, requireCapability } from "./capabilities.ts";
import { stateFromBytes } from "./definition.ts";
import { FileError } from "./file-error.ts";
import {
  type FileCalls,
  type ReadDirOptions,
  type ReadFileOptions,
  readDir,
  readFile,
  statFile,
  streamFile,
  type WalkEntry,
  walk,
} from "./file-reader.ts";
import type { FileStat } from "./file-stat.ts";
import { solveFailure } from "./solve-failure.ts";

/** What a reference needs of the gateway that it belongs to. */
export interface ReferenceOwner {
  readonly bridge: Bridge;
  readonly capabilities: Capabilities;
}

/**
 * A tree of files that a build has made or can make: what a solve gives. It is lazy; reading, evaluating or returning
 * it makes the daemon build it, and a step that fails shows there. It lives as long as the build function.
 *
 * Paths start at the tree's root, with or without a leading slash.
 */
export class Reference {
  readonly #owner: ReferenceOwner;
  /** Its id within this build; empty for a tree without any file. */
  readonly id: string;
  /** Marshalled; empty where the daemon does not tell it. */
  readonly #definition: Uint8Array;

  /** Made by the gateway. */
  constructor(owner: ReferenceOwner, id: string, definition: Uint8Array = new Uint8Array()) {
    this.#owner = owner;
    this.id = id;
    this.#definition = definition;
  }

  /**
   * Its id, for a message to the daemon.
   *
   * @throws {InvalidArgumentError} when it belongs to another build, where its id means nothing or something else
   */
  idFor(owner: ReferenceOwner, argument: string): string {
    if (this.empty || owner.bridge === this.#owner.bridge) return this.id;
    throw new InvalidArgumentError(
      argument,
      this,
      "a reference of another build cannot be used: solve its `toState()` in this one",
    );
  }

  /** True for a result without any file. */
  get empty(): boolean {
    return this.id === "";
  }

  /**
   * Builds it now.
   *
   * @throws {SolveError} when a step fails
   */
  async evaluate(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    if (this.empty) return;
    const { bridge, capabilities } = this.#owner;
    const call = bridge.call(options.signal);
    try {
      if (hasCapability(capabilities, "gateway.evaluate")) await bridge.rpc.evaluate({ Ref: this.id }, call);
      else await bridge.rpc.statFile({ Ref: this.id, Path: "." }, call);
    } catch (error) {
      throw solveFailure(bridge.buildId, error);
    }
  }

  /**
   * Reads a file, of any size, or a part of it. A link is followed within the tree.
   *
   * @throws {FileError} when there is no such file or it is not a regular one
   * @throws {SolveError} when a step that makes it fails
   */
  readFile(path: string, options?: ReadFileOptions): Promise<Uint8Array> {
    return readFile(this.#files(path), path, options);
  }

  /** Reads a file piece by piece; never more than 4 MiB of it are held. Throws as `readFile` does. */
  streamFile(path: string, options?: ReadFileOptions): AsyncGenerator<Uint8Array, void, undefined> {
    return streamFile(this.#files(path), path, options);
  }

  /** Lists one directory, sorted by name. Throws as `readFile` does. */
  readDir(path = "/", options?: ReadDirOptions): Promise<readonly FileStat[]> {
    if (this.empty && isRoot(path)) return Promise.resolve([]);
    return readDir(this.#files(path), path, options);
  }

  /** Lists everything below a directory, each directory before what is in it. Throws as `readFile` does. */
  async *walk(
    path = "/",
    options?: { readonly signal?: AbortSignal },
  ): AsyncGenerator<WalkEntry, void, undefined> {
    if (this.empty && isRoot(path)) return;
    yield* walk(this.#files(path), path, options);
  }

  /** Tells about a file. A link is followed within the tree: `readDir` tells about the link itself. Throws as `readFile` does. */
  statFile(path: string, options?: { readonly signal?: AbortSignal }): Promise<FileStat> {
    return statFile(this.#files(path), path, options);
  }

  /**
   * The LLB that it stands for, as a state to build upon.
   *
   * @throws {UnsupportedError} by a daemon that does not tell it
   */
  toState(): State {
    if (!this.empty && this.#definition.length === 0) {
      requireCapability(this.#owner.capabilities, "reference.output", "building upon a result");
    }
    return stateFromBytes(this.#definition);
  }

  #files(path: string): FileCalls {
    const { bridge, capabilities } = this.#owner;
    if (this.empty) return nothing(path);
    const Ref = this.id;
    const failing = (error: unknown) => Promise.reject(solveFailure(bridge.buildId, error));
    return {
      readFile: async (request, signal) =>
        bridge.rpc.readFile({ ...request, Ref }, bridge.call(signal)).catch(failing),
      readDir: async (request, signal) => {
        requireCapability(capabilities, "readdir", "listing a directory");
        return bridge.rpc.readDir({ ...request, Ref }, bridge.call(signal)).catch(failing);
      },
      statFile: async (request, signal) => {
        requireCapability(capabilities, "statfile", "reading what a file is");
        return bridge.rpc.statFile({ ...request, Ref }, bridge.call(signal)).catch(failing);
      },
    };
  }
}

function isRoot(path: string): boolean {
  return /^(\.?\/*)$/.test(path);
}

/** The files of an empty tree. */
function nothing(path: string): FileCalls {
  const missing = () => Promise.reject(new FileError(path, "missing", "the result is empty"));
  return { readFile: missing, readDir: missing, statFile: missing };
}
