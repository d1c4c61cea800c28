import type { PlainStep } from "./plain-step.ts";

/** How long a step at least keeps the focus, when others have as much to say. */
const HOLD_SECONDS = 5;

/** How long a step that has something to say is left unheard. */
const PATIENCE_SECONDS = 10;

/**
 * Which of the running steps that have something to say gets the focus; undefined to leave it where it is. A step
 * holds it the longer, the greater its part of all that happens; one that has waited too long gets its turn.
 */
export function nextFocus(
  candidates: Iterable<PlainStep>,
  current: PlainStep | undefined,
  now: number,
): PlainStep | undefined {
  const rates = new Map<PlainStep, number>();
  let busiest: PlainStep | undefined;
  let overdue: PlainStep | undefined;
  for (const candidate of candidates) {
    const seconds = secondsSince(candidate, now);
    rates.set(candidate, candidate.activity / seconds);
    if (candidate !== current && seconds > PATIENCE_SECONDS) overdue ??= candidate;
    if (busiest === undefined || rateOf(candidate) > rateOf(busiest)) busiest = candidate;
  }
  if (current === undefined) return overdue ?? busiest;
  if (overdue !== undefined) return overdue;
  let all = 0;
  for (const rate of rates.values()) all += rate;
  const share = all > 0 ? rateOf(current) / all : 1;
  const isOver = HOLD_SECONDS / (1 - share) < secondsSince(current, now);
  return isOver ? busiest : undefined;

  function rateOf(step: PlainStep): number {
    return rates.get(step) ?? 0;
  }
}

function secondsSince(step: PlainStep, now: number): number {
  return Math.max(0.001, (now - step.activeSince) / 1000);
}
