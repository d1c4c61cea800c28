import type { BuildEvent, Interval, StatusUpdate, Vertex } from "@buildkit-node/core";

/** A build's status as single events; leaving the loop ends the reading. */
export async function* buildEvents(
  updates: AsyncIterable<StatusUpdate>,
): AsyncGenerator<BuildEvent, void, undefined> {
  const worked = new Map<string, readonly Interval[]>();
  for await (const update of updates) {
    for (const vertex of update.vertices) {
      const intervals = withInterval(worked.get(vertex.digest) ?? [], vertex);
      worked.set(vertex.digest, intervals);
      yield { kind: "vertex", vertex: { ...vertex, intervals } };
    }
    for (const status of update.statuses) yield { kind: "progress", status };
    for (const log of update.logs) yield { kind: "log", log };
    for (const warning of update.warnings) yield { kind: "warning", warning };
  }
}

/** The intervals with the one that this state of the vertex tells of, joined with those that it overlaps. */
export function withInterval(known: readonly Interval[], vertex: Vertex): readonly Interval[] {
  const { started, completed } = vertex;
  if (started === undefined) return known;
  const interval = { start: started, ...(completed !== undefined && { end: completed }) };
  // The same start again is the same interval at a later state.
  const others = known.filter(({ start }) => start !== started);
  const sorted = [...others, interval].sort((a, b) => a.start - b.start);
  const joined: Interval[] = [];
  for (const next of sorted) {
    const last = joined.at(-1);
    if (last !== undefined && next.start <= (last.end ?? next.start))
      joined[joined.length - 1] = join(last, next);
    else joined.push(next);
  }
  return joined;
}

/**
 * Two intervals that overlap. One without an end is over when a later one has begun and ended: the daemon sends a
 * step's restart without its completion in between.
 */
function join(first: Interval, second: Interval): Interval {
  if (second.end === undefined) return { start: first.start };
  return { start: first.start, end: Math.max(first.end ?? second.end, second.end) };
}
