import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type Client, connect, hasCapability, type SolveOptions } from "@buildkit-node/control";
import { local as directory } from "@buildkit-node/exporters";
import { bind, type Mount, marshal, type RunOptions, type State, scratch } from "@buildkit-node/llb";
import { afterAll, beforeAll, expect, it } from "vitest";
import { shellRoot, testRoot } from "./test-root.ts";
import { describeEachDaemon } from "./ways.ts";

/** A small graph, and what it must come to on a daemon: what a look at its files prints, or how its build fails. */
export interface GraphCase {
  /** Made when the suite's servers run. */
  readonly state: () => State;
  /** Shell commands that run in the root directory of the result. Default: `cat said`; see {@link step}. */
  readonly look?: string;
  /** What they print, without the newline at the end. */
  readonly prints?: string | RegExp;
  /** The daemon's words where the build must fail instead. */
  readonly fails?: RegExp;
  /** Capabilities that the daemon must have beside those that the ops name. */
  readonly needs?: readonly string[];
  /** What the daemon lacks, where no capability tells; undefined where it lacks nothing. */
  readonly lacks?: (client: Client) => Promise<string | undefined>;
}

export type GraphCases = Readonly<Record<string, GraphCase>>;

export interface GraphSuiteOptions {
  /** What the builds are given, beside the shell's root. */
  readonly solve?: () => SolveOptions;
  /** Each graph has a solve of its own. Default: false. */
  readonly alone?: boolean;
}

/**
 * One test for each graph, on each daemon. All graphs of a suite that can be built are built in one solve, and one
 * step looks at them; when that solve fails, each test solves its own, so that one failure is one failed test.
 */
export function describeGraphs(name: string, cases: GraphCases, options: GraphSuiteOptions = {}): void {
  describeEachDaemon(name, ({ address }) => {
    let bench: Bench;
    beforeAll(async () => {
      bench = await openBench(address, options.solve?.() ?? {});
    });
    afterAll(() => bench?.client.close());
    let together: Promise<ReadonlyMap<string, string>> | undefined;

    for (const [title, one] of Object.entries(cases)) {
      it(title, async (context) => {
        const lacking = await bench.lacking(one);
        if (lacking !== undefined) return context.skip(`the daemon lacks ${lacking}`);
        if (one.fails !== undefined) {
          await expect(bench.look([[title, one]])).rejects.toMatchObject({
            message: expect.stringMatching(one.fails),
          });
          return;
        }
        if (options.alone !== true) together ??= lookAtAll(bench, cases);
        const printed = (await together?.catch(() => undefined)) ?? (await bench.look([[title, one]]));
        const matcher = expect(printed.get(title));
        if (one.prints instanceof RegExp) matcher.toMatch(one.prints);
        else matcher.toBe(one.prints);
      });
    }
  });
}

/** The files that a step writes below `/out`; what its commands print is in `said`. */
export function step(
  commands: string,
  options: Omit<RunOptions, "mounts"> & { readonly mounts?: readonly Mount[] } = {},
  root: State = shellRoot,
): State {
  const { mounts = [], ...rest } = options;
  return root.exec(["/bin/sh", "-c", `{ ${commands}\n} >/out/said 2>&1`], {
    ...rest,
    mounts: [...mounts, bind("/out", scratch())],
  }).mounts["/out"];
}

type Entry = readonly [title: string, one: GraphCase];

/** A client of one daemon, with what its builds are given. */
interface Bench {
  readonly client: Client;
  /** What a graph needs and the daemon lacks, if anything. */
  lacking(one: GraphCase): Promise<string | undefined>;
  /** Builds graphs, and gives what the looks at them print, by title. */
  look(entries: readonly Entry[]): Promise<ReadonlyMap<string, string>>;
}

async function openBench(address: string, options: SolveOptions): Promise<Bench> {
  const [client, root] = await Promise.all([connect(address), testRoot()]);
  return {
    client,
    lacking: async ({ state, needs = [], lacks }) => {
      const capabilities = await client.capabilities();
      const id = [...needs, ...capsOf(state())].find((one) => !hasCapability(capabilities, one));
      return id === undefined ? lacks?.(client) : `the capability ${id}`;
    },
    look: async (entries) => {
      const dest = await mkdtemp(path.join(tmpdir(), "bk-graphs-"));
      try {
        await client.solve(looked(entries), {
          ...options,
          locals: { ...root.locals, ...options.locals },
          exports: [directory({ dest })],
        });
        const printed = entries.map(async ([title], at) => {
          return [title, (await readFile(path.join(dest, `${at}`), "utf8")).replace(/\n$/, "")] as const;
        });
        return new Map(await Promise.all(printed));
      } finally {
        await rm(dest, { recursive: true });
      }
    },
  };
}

async function lookAtAll(bench: Bench, cases: GraphCases): Promise<ReadonlyMap<string, string>> {
  const possible: Entry[] = [];
  for (const [title, one] of Object.entries(cases)) {
    if (one.fails === undefined && (await bench.lacking(one)) === undefined) possible.push([title, one]);
  }
  return bench.look(possible);
}

/** A step that looks at each graph, and leaves what that prints in a file by the graph's number. */
function looked(entries: readonly Entry[]): State {
  const looks = entries.map(
    ([, { look = "cat said" }], at) =>
      `( cd /case/${at} && ( ${look} ) ) >/out/${at} 2>&1 || echo "exit code $?" >>/out/${at}`,
  );
  const mounts = entries.map(([, { state }], at) => bind(`/case/${at}`, state(), { readonly: true }));
  return shellRoot.exec(["/bin/sh", "-c", looks.join("\n")], {
    mounts: [bind("/out", scratch()), ...mounts],
    name: "look at the results",
  }).mounts["/out"];
}

/** The capabilities that the ops of a graph name; those of one with open ends are not known. */
function capsOf(state: State): Iterable<string> {
  return state.isOpen ? [] : marshal(state, { platform: "linux/amd64" }).caps;
}
