import type { ByteString } from "./byte-string.ts";

/** Names that are read or sorted at once before others are let run. */
export const namesPerTurn = 4096;

/** Sorts names by their bytes, a very long list a piece at a time: each `yield` is a moment to let others run. */
export function* sortInTurns(names: ByteString[]): Generator<undefined, ByteString[]> {
  if (names.length <= namesPerTurn) return names.sort();
  let runs: ByteString[][] = [];
  for (let at = 0; at < names.length; at += namesPerTurn) {
    runs.push(names.slice(at, at + namesPerTurn).sort());
    yield undefined;
  }
  while (runs.length > 1) {
    const merged: ByteString[][] = [];
    for (let at = 0; at < runs.length; at += 2) merged.push(yield* merge(runs[at] ?? [], runs[at + 1] ?? []));
    runs = merged;
  }
  return runs[0] ?? [];
}

function* merge(left: ByteString[], right: ByteString[]): Generator<undefined, ByteString[]> {
  const merged: ByteString[] = [];
  for (let l = 0, r = 0; l < left.length || r < right.length; ) {
    const fromLeft = left[l];
    const fromRight = right[r];
    if (fromRight === undefined || (fromLeft !== undefined && fromLeft < fromRight)) {
      merged.push(fromLeft ?? "");
      l++;
    } else {
      merged.push(fromRight);
      r++;
    }
    if (merged.length % (namesPerTurn * 4) === 0) yield undefined;
  }
  return merged;
}
