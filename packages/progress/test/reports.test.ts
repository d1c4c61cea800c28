import {
  BuildModel,
  compareBuilds,
  explainMiss,
  formatComparison,
  formatSummary,
  summarize,
  timingDot,
  timingMermaid,
  timingPage,
  timingTrace,
} from "@buildkit-node/progress";
import { describe, expect, test } from "vitest";
import { RECORDINGS, recorded } from "./support/recordings.ts";
import { log, status, update, vertex, warning } from "./support/updates.ts";

async function modelOf(name: string): Promise<BuildModel> {
  const model = new BuildModel();
  for (const each of await recorded(name)) model.apply(each);
  model.finish();
  return model;
}

function built(...parts: Parameters<typeof update>): BuildModel {
  const model = new BuildModel();
  for (const part of parts) model.apply(update(part));
  return model;
}

describe("summary", () => {
  test.each(RECORDINGS)("of the build %s", async (name) => {
    await expect(formatSummary(summarize(await modelOf(name)))).toMatchFileSnapshot(
      `snapshots/${name}.summary.txt`,
    );
  });

  test("of a build that has not begun", () => {
    expect(summarize(new BuildModel())).toMatchObject({
      durationMs: 0,
      cachedShare: 0,
      steps: [],
      criticalPath: [],
    });
    expect(formatSummary(summarize(new BuildModel()))).toContain("0.0s: 0 steps");
  });

  test("the critical path follows inputs by the time at which they ended, and what has no inputs by time alone", () => {
    const step = (digest: string, started: number, completed: number, inputs: string[] = []) =>
      vertex(digest, { started, completed, inputs });
    const model = built({
      vertices: [
        step("context", 0, 100),
        step("long", 100, 900, ["context"]),
        step("short", 100, 300, ["context"]),
        step("unrelated", 200, 950),
        step("join", 900, 1000, ["long", "short"]),
        step("export", 1001, 1400),
        // A look into the cache, late and of no length, is nothing to wait for.
        vertex("context", { started: 899.9, completed: 899.95, cached: true }),
      ],
    });
    expect(summarize(model).criticalPath.map(({ step, ms }) => [step.id, Math.round(ms)])).toEqual([
      ["context", 100],
      ["long", 800],
      ["join", 100],
      ["export", 399],
    ]);
  });

  test("counts bytes by what was moved", () => {
    const task = (id: string, current: number) => status("a", id, { started: 0, current });
    const digest = `sha256:${"0".repeat(64)}`;
    const model = built({
      vertices: [vertex("a", { started: 0, completed: 1 })],
      statuses: [
        task("transferring context:", 1),
        task(digest, 20),
        task("copying files linux/arm64", 300),
        task("other", 4000),
      ],
    });
    expect(summarize(model).bytes).toEqual({ sent: 1, pulled: 20, exported: 300 });
  });
});

describe("comparison", () => {
  test("of a build whose files have changed names them as the cause", async () => {
    const comparison = compareBuilds(await modelOf("cached"), await modelOf("changed"));
    expect(formatComparison(comparison)).toMatchSnapshot();
  });

  test("of a build that is all cached finds no misses", async () => {
    const comparison = compareBuilds(await modelOf("uncached"), await modelOf("cached"));
    expect(comparison.misses).toEqual([]);
    expect(formatComparison(comparison)).toContain("Everything that can be cached came from the cache.");
  });

  test("tells each reason", () => {
    const done = { started: 0, completed: 10 };
    const before = built({
      vertices: [
        vertex("same", { ...done, name: "RUN same" }),
        vertex("old", { ...done, name: "RUN args" }),
        vertex("gone", { ...done, name: "RUN gone" }),
      ],
    });
    const after = built({
      vertices: [
        vertex("same", { ...done, name: "RUN same" }),
        vertex("other", { ...done, name: "RUN args" }),
        vertex("new", { ...done, name: "RUN new" }),
        vertex("next", { ...done, name: "RUN next", inputs: ["new"] }),
      ],
    });
    const { misses, gone } = compareBuilds(before, after);
    expect(misses.map(({ step, reason }) => [step.name, reason.kind])).toEqual([
      ["RUN same", "lost"],
      ["RUN args", "definition"],
      ["RUN new", "new"],
      ["RUN next", "input"],
    ]);
    expect(gone.map((step) => step.name)).toEqual(["RUN gone"]);
    for (const miss of misses) expect(explainMiss(miss)).toMatch(/\w{4}/);
  });
});

describe("views", () => {
  test("the graph for Graphviz and for Mermaid", async () => {
    const model = await modelOf("multi-platform");
    await expect(timingDot(model)).toMatchFileSnapshot("snapshots/multi-platform.dot");
    await expect(timingMermaid(model)).toMatchFileSnapshot("snapshots/multi-platform.mmd");
  });

  test("names cannot leave their labels", () => {
    const name = 'RUN echo "\\"]; evil <b>&amp;</b> `x` [y] {z} | #35;';
    const model = built({ vertices: [vertex("a", { name, started: 0, completed: 1 })] });
    expect(timingDot(model)).toContain(
      'tooltip="RUN echo \\"\\\\\\"]; evil <b>&amp;</b> `x` [y] {z} | #35;"',
    );
    expect(timingMermaid(model).split("\n")[1]).toMatch(/^ {2}s1\["[^"<[\]{}|`]*<br\/>[^"<]*"\]:::done$/);
  });

  test.each(RECORDINGS)(
    "the trace of %s keeps lanes free of overlaps, and every task ends after it begins",
    async (name) => {
      const { traceEvents } = timingTrace(await modelOf(name));
      const ends = new Map<number, number>();
      for (const { ph, tid, ts = 0, dur = 0 } of traceEvents
        .filter((event) => event.ph === "X")
        .sort((a, b) => (a.ts ?? 0) - (b.ts ?? 0))) {
        expect(ts).toBeGreaterThanOrEqual(ends.get(tid) ?? 0);
        ends.set(tid, ts + dur);
        expect(ph).toBe("X");
      }
      for (const begin of traceEvents.filter((event) => event.ph === "b")) {
        const end = traceEvents.find((event) => event.ph === "e" && event.id === begin.id);
        expect(end?.ts).toBeGreaterThanOrEqual(begin.ts ?? 0);
      }
    },
  );

  test.each(RECORDINGS)("the page of %s is complete in itself", async (name) => {
    const page = timingPage(await modelOf(name), { before: await modelOf("uncached") });
    expect(page).not.toMatch(/<script|<link|<img|src=|@import|url\(/);
    expect(page).not.toContain("NaN");
    const ids = new Set(Array.from(page.matchAll(/ id="([^"]+)"/g), ([, id]) => id));
    for (const [, target] of page.matchAll(/href="#([^"]+)"/g)) expect(ids).toContain(target);
  });

  test("nothing that a build says is taken for markup", () => {
    const evil = `<img src=x onerror="alert(1)">'&`;
    const model = built({
      vertices: [vertex("a", { name: evil, started: 0, completed: 1, error: evil })],
      statuses: [status("a", evil, { started: 0 })],
      logs: [log("a", `${evil}\u001b[31m\n`)],
      warnings: [warning("a", evil)],
    });
    const page = timingPage(model, { title: evil, before: model });
    expect(page).not.toContain("<img");
    expect(page).not.toContain("'&");
  });

  test("the page of a build that has not begun, or runs, is a page", () => {
    expect(timingPage(new BuildModel())).toContain("</html>");
    const running = built({
      vertices: [vertex("a", { started: 0 }), vertex("b", { started: 5, inputs: ["a", "a", "b"] })],
    });
    expect(timingPage(running)).toContain("running");
  });
});
