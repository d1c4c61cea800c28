import { type Cost, DidNotEnd } from "./measure.ts";

/** One line of the bench's table. */
export interface Row {
  readonly name: string;
  readonly unit: string;
  readonly ours: number;
  readonly theirs: number | null;
  /** theirs / ours: above 1 we are ahead. */
  readonly ratio: number | null;
  /** The spread of the pairs' ratios, or of our figures where nobody is compared: (max - min) / median. */
  readonly spread: number;
  readonly rssMb: number | null;
  readonly theirRssMb: number | null;
  readonly cpu: number | null;
  readonly theirCpu: number | null;
  /** What the figures leave out. */
  readonly note?: string;
}

/** A measurement that can be run by its name. */
export interface Bench {
  readonly name: string;
  /** One line for people: what is measured. */
  readonly about: string;
  run(): Promise<readonly Row[]>;
}

export interface Contestants {
  readonly name: string;
  ours(): Promise<Cost>;
  theirs(): Promise<Cost>;
  /** Brings everything back to the start; before each single run. */
  reset?(): Promise<void>;
}

/** Pairs that are counted. */
const maxPairs = 7;
const minPairs = 3;
/** After this no pair begins that is not needed, so that a row is over before the machine has changed under it. */
const enoughMs = 60_000;

/**
 * Runs both sides in turn, in pairs, after one run of each that is not counted. Odd pairs start with the other side. Where
 * the other side does not end, its pair is not counted, and the row says so.
 */
export async function pairs(contest: Contestants): Promise<Row> {
  const counted: { readonly ours: Cost; readonly theirs: Cost }[] = [];
  const peer = { runs: 0, unended: 0 };
  const ours = async () => {
    await contest.reset?.();
    return await contest.ours();
  };
  const theirs = async () => {
    await contest.reset?.();
    peer.runs++;
    return await contest.theirs().catch((error: unknown) => {
      if (!(error instanceof DidNotEnd)) throw error;
      peer.unended++;
      return undefined;
    });
  };
  await ours();
  await theirs();
  const enough = performance.now() + enoughMs;
  for (let i = 0; i < maxPairs && (counted.length < minPairs || performance.now() < enough); i++) {
    const first = i % 2 === 0 ? await ours() : undefined;
    const other = await theirs();
    const own = first ?? (await ours());
    if (other !== undefined) counted.push({ ours: own, theirs: other });
  }
  const note = `${peer.unended} of ${peer.runs} runs of the peer did not end`;
  return { ...compared(contest.name, counted), ...(peer.unended > 0 && { note }) };
}

function compared(name: string, counted: readonly { readonly ours: Cost; readonly theirs: Cost }[]): Row {
  if (counted.length === 0) throw new Error(`${name}: no run of the peer ended`);
  const ours = counted.map((pair) => pair.ours);
  const theirs = counted.map((pair) => pair.theirs);
  const ratios = counted.map((pair) => pair.theirs.seconds / pair.ours.seconds);
  return {
    name,
    unit: "s",
    ours: median(ours.map((cost) => cost.seconds)),
    theirs: median(theirs.map((cost) => cost.seconds)),
    ratio: median(ratios),
    spread: spread(ratios),
    rssMb: Math.max(...ours.map((cost) => cost.rssMb)),
    theirRssMb: Math.max(...theirs.map((cost) => cost.rssMb)),
    cpu: median(ours.map((cost) => cost.cpu)),
    theirCpu: median(theirs.map((cost) => cost.cpu)),
  };
}

/** A row without a contestant. */
export function alone(row: Pick<Row, "name" | "unit"> & Partial<Row>, figures: readonly number[]): Row {
  return {
    theirs: null,
    ratio: null,
    rssMb: null,
    theirRssMb: null,
    cpu: null,
    theirCpu: null,
    ...row,
    ours: median(figures),
    spread: spread(figures),
  };
}

export function median(figures: readonly number[]): number {
  const sorted = [...figures].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

function spread(figures: readonly number[]): number {
  return (Math.max(...figures) - Math.min(...figures)) / median(figures);
}
