import { hash } from "node:crypto";
import * as llb from "@buildkit-node/llb";

/** What one measurement of {@link benchLlb} found; times are medians in milliseconds. */
export interface LlbBench {
  /** Ops of the graph, with the terminal. */
  readonly ops: number;
  /** The digest of the graph's head: the same from every correct builder. */
  readonly head: string;
  readonly buildMs: number;
  readonly marshalMs: number;
  /** Build and marshal in the first run of the process, before anything is compiled. */
  readonly coldMs: number;
  /** Hashing the bytes of the same ops, which nobody can save: the floor. */
  readonly hashMs: number;
}

/**
 * Builds and marshals a large graph: 100 branches of 50 times a command with a cache mount and a copy, merged. A local
 * source has a fixed unique id, so that the head's digest can be compared.
 */
export function benchLlb(
  options: { readonly iterations?: number; readonly warmups?: number } = {},
): LlbBench {
  const { iterations = 15, warmups = 5 } = options;
  const builds: number[] = [];
  const marshals: number[] = [];
  let coldMs = 0;
  const hashes: number[] = [];
  let definition = llb.Definition.empty;
  for (let iteration = -warmups; iteration < iterations; iteration++) {
    const start = performance.now();
    const state = largeGraph(100, 50);
    const built = performance.now();
    definition = llb.marshal(state, marshalOptions);
    const marshalled = performance.now();
    for (const op of definition.ops) {
      hash("sha256", op, "hex");
    }
    const hashed = performance.now();
    if (iteration === -warmups) {
      coldMs = marshalled - start;
    }
    if (iteration >= 0) {
      builds.push(built - start);
      marshals.push(marshalled - built);
      hashes.push(hashed - marshalled);
    }
  }
  return {
    ops: definition.ops.length,
    head: definition.head ?? "",
    buildMs: median(builds),
    marshalMs: median(marshals),
    coldMs,
    hashMs: median(hashes),
  };
}

const marshalOptions = { platform: "linux/amd64", localUniqueId: "bench" } as const;

function largeGraph(branches: number, depth: number): llb.State {
  const base = llb.image("docker.io/library/busybox:latest");
  const source = llb.local("context");
  const ends: llb.State[] = [];
  for (let branch = 0; branch < branches; branch++) {
    let state = base;
    for (let step = 0; step < depth; step++) {
      state = state
        .run(["/bin/sh", "-c", `echo ${branch}-${step} > /out-${branch}-${step}`], {
          mounts: [llb.cache("/cache", { id: `cache-${branch}` })],
        })
        .file(llb.copy(source, `/src/${step}`, `/dst/${branch}/${step}`, { createDestPath: true }));
    }
    ends.push(state);
  }
  return llb.merge(ends);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return ((sorted[middle] ?? 0) + (sorted[Math.ceil(sorted.length / 2 - 1)] ?? 0)) / 2;
}
