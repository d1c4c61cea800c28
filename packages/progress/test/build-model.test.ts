import type { StatusUpdate, Vertex } from "@buildkit-node/core";
import { BuildModel, type Step } from "@buildkit-node/progress";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RECORDINGS, recorded } from "./support/recordings.ts";
import { log, status, update, vertex, warning } from "./support/updates.ts";

function modelOf(...updates: readonly StatusUpdate[]): BuildModel {
  const model = new BuildModel();
  for (const each of updates) model.apply(each);
  return model;
}

/** Everything that a model says of its steps. */
function pictureOf(model: BuildModel) {
  return {
    totals: model.totals,
    steps: model.steps.map(stepOf),
    vertices: [...model.vertices].map(({ step: _, ...rest }) => rest),
  };
}

function stepOf(step: Step) {
  const { id, number, name, state, intervals, error, tasks, warnings, isGroup, members, openLines } = step;
  return {
    id,
    number,
    name,
    state,
    intervals,
    error,
    tasks,
    warnings,
    isGroup,
    members,
    openLines,
    log: step.log.lines,
  };
}

describe("steps", () => {
  test("are numbered in the order in which they start", () => {
    const model = modelOf(
      update({ vertices: [vertex("a"), vertex("b"), vertex("c")] }),
      update({ vertices: [vertex("b", { started: 1 })] }),
      update({ vertices: [vertex("a", { started: 2 })] }),
    );
    expect(model.steps.map(({ number, id }) => [number, id])).toEqual([
      [1, "b"],
      [2, "a"],
    ]);
    expect(model.totals).toMatchObject({ steps: 3, completed: 0 });
    expect(model.vertex("c")?.state).toBe("pending");
  });

  test("that restart add their times up, without counting any time twice", () => {
    const model = modelOf(
      update({ vertices: [vertex("a", { started: 0, completed: 10 })] }),
      update({ vertices: [vertex("a", { started: 20 })] }),
    );
    expect(model.steps[0]).toMatchObject({
      state: "running",
      intervals: [{ start: 0, end: 10 }, { start: 20 }],
    });
    model.apply(
      update({
        vertices: [vertex("a", { started: 20, completed: 30 }), vertex("a", { started: 5, completed: 25 })],
      }),
    );
    expect(model.steps[0]).toMatchObject({ state: "done", intervals: [{ start: 0, end: 30 }] });
  });

  test("that start again without having been reported as completed are over when the later run is", () => {
    const model = modelOf(
      update({ vertices: [vertex("a", { started: 0 })] }),
      update({ vertices: [vertex("a", { started: 20 })] }),
    );
    expect(model.steps[0]?.state).toBe("running");
    model.apply(update({ vertices: [vertex("a", { started: 20, completed: 30 })] }));
    expect(model.steps[0]).toMatchObject({ state: "done", intervals: [{ start: 0, end: 30 }] });
  });

  test.each([
    [{ started: 1 }, "running"],
    [{ started: 1, completed: 2 }, "done"],
    [{ started: 1, completed: 1, cached: true }, "cached"],
    [{ started: 1, completed: 2, error: "exit code: 1" }, "error"],
    [{ started: 1, completed: 2, error: "process died: context canceled" }, "canceled"],
  ] as [Partial<Vertex>, string][])("with %j are %s", (state, expected) => {
    expect(modelOf(update({ vertices: [vertex("a", state)] })).steps[0]?.state).toBe(expected);
  });

  test("a late state does not undo what is known of the same interval", () => {
    const model = modelOf(
      update({ vertices: [vertex("a", { started: 1, completed: 2 })] }),
      update({ vertices: [vertex("a", { started: 1 })] }),
      update({ vertices: [vertex("a")] }),
    );
    expect(model.steps[0]?.state).toBe("done");
  });

  test("a clock that is set back gives no negative times", () => {
    const model = modelOf(
      update({ vertices: [vertex("a", { started: 1000, completed: 400 })] }),
      update({ logs: [log("a", "line\n", { timestamp: 10 })] }),
    );
    expect(model.steps[0]?.intervals).toEqual([{ start: 1000, end: 1000 }]);
    expect(model.steps[0]?.log.lines[0]?.seconds).toBe(0);
  });

  test("names, errors and tasks cannot act on a terminal", () => {
    const evil = "\u001b]0;title\u0007\u001b[2Jna\u009b3Ame\r\nnext";
    const model = modelOf(
      update({
        vertices: [vertex("a", { name: evil, started: 1 })],
        statuses: [status("a", evil, { started: 1 })],
        warnings: [warning("a", evil)],
      }),
    );
    const [step] = model.steps;
    expect([step?.name, step?.tasks[0]?.id, step?.warnings[0]?.short]).toEqual([
      "name next",
      "name next",
      "name next",
    ]);
  });
});

describe("groups", () => {
  const group = { id: "g", name: "COPY things", weak: true };

  test("are one step, shown once a member that is not weak has started", () => {
    const weak = update({ vertices: [vertex("a", { progressGroup: group, started: 1, completed: 3 })] });
    const model = modelOf(weak);
    expect(model.steps).toEqual([]);
    model.apply(
      update({ vertices: [vertex("b", { progressGroup: { ...group, weak: false }, started: 2 })] }),
    );
    expect(model.steps.map(stepOf)).toMatchObject([
      {
        id: "g",
        name: "COPY things",
        state: "running",
        intervals: [{ start: 1 }],
        members: ["a", "b"],
        isGroup: true,
      },
    ]);
    expect(model.totals.steps).toBe(1);
  });

  test("are cached when all members are, and fail with one", () => {
    const model = modelOf(
      update({
        vertices: [
          vertex("a", { progressGroup: { ...group, weak: false }, started: 1, completed: 1, cached: true }),
          vertex("b", { progressGroup: group, started: 1, completed: 2 }),
        ],
      }),
    );
    expect(model.steps[0]?.state).toBe("done");
    model.apply(
      update({ vertices: [vertex("b", { progressGroup: group, started: 1, completed: 2, error: "no" })] }),
    );
    expect(model.steps[0]).toMatchObject({ state: "error", error: "no" });
  });

  test("a failure shows a group that was hidden", () => {
    const failed = vertex("a", { progressGroup: group, started: 1, completed: 2, error: "no" });
    expect(modelOf(update({ vertices: [failed] })).steps[0]?.state).toBe("error");
  });

  test("get their members' output and tasks", () => {
    const model = modelOf(
      update({ vertices: [vertex("a", { progressGroup: { ...group, weak: false }, started: 1000 })] }),
      update({
        logs: [log("a", "x\n", { timestamp: 1500 })],
        statuses: [status("a", "t", { started: 1000, timestamp: 1000 })],
      }),
    );
    expect(model.steps[0]?.log.lines).toMatchObject([{ text: "x", seconds: 0.5 }]);
    expect(model.steps[0]?.tasks).toMatchObject([{ id: "t" }]);
  });
});

describe("tasks", () => {
  test("are in order of start, and hold the newest state", () => {
    const model = modelOf(
      update({ vertices: [vertex("a", { started: 0 })] }),
      update({ statuses: [status("a", "announced"), status("a", "one", { started: 0, total: 100 })] }),
      update({
        statuses: [
          status("a", "two", { started: 0 }),
          status("a", "announced", { started: 5, timestamp: 5 }),
        ],
      }),
      update({ statuses: [status("a", "one", { started: 0, current: 50, total: 100, timestamp: 1000 })] }),
      update({ statuses: [status("a", "one", { started: 0, current: 10, total: 100, timestamp: 500 })] }),
    );
    expect(model.steps[0]?.tasks).toMatchObject([
      { id: "one", current: 50, rate: 50 },
      { id: "two" },
      { id: "announced" },
    ]);
  });

  test("that are done stay done", () => {
    const done = status("a", "t", { started: 0, completed: 10, current: 5, timestamp: 10 });
    const model = modelOf(
      update({ vertices: [vertex("a", { started: 0 })], statuses: [done] }),
      update({ statuses: [{ ...status("a", "t", { started: 0, current: 3, timestamp: 12 }) }] }),
    );
    expect(model.steps[0]?.tasks).toMatchObject([{ completed: 10, current: 5 }]);
  });
});

describe("output", () => {
  test("of several streams is not mixed within lines", () => {
    const model = modelOf(
      update({ vertices: [vertex("a", { started: 0 })] }),
      update({ logs: [log("a", "out "), log("a", "err\n", { stream: "stderr" }), log("a", "put\n")] }),
    );
    expect(model.steps[0]?.log.lines.map(({ text, stream }) => [stream, text])).toEqual([
      ["stderr", "err"],
      ["stdout", "out put"],
    ]);
  });

  test("a line has the time of its first bytes", () => {
    const model = modelOf(
      update({ vertices: [vertex("a", { started: 1000 })] }),
      update({ logs: [log("a", "be", { timestamp: 1250 }), log("a", "gun\nnext", { timestamp: 3000 })] }),
    );
    expect(model.steps[0]?.log.lines).toMatchObject([{ text: "begun", seconds: 0.25 }]);
    expect(model.steps[0]?.openLines).toEqual([{ stream: "stdout", seconds: 2, text: "next" }]);
    model.apply(update({ vertices: [vertex("a", { started: 1000, completed: 4000 })] }));
    expect(model.steps[0]?.log.lines.map(({ text }) => text)).toEqual(["begun", "next"]);
  });

  test("is forgotten beyond the limits, but every line is told", () => {
    const told: string[] = [];
    const model = new BuildModel({
      logLines: 10,
      doneLogLines: 2,
      observer: { line: (_, { text }) => told.push(text) },
    });
    model.apply(update({ vertices: [vertex("a", { started: 0 })] }));
    for (let i = 0; i < 5000; i++) model.apply(update({ logs: [log("a", `${i}\n`)] }));
    expect(model.steps[0]?.log.lines.map(({ text }) => text)).toEqual(
      Array.from({ length: 10 }, (_, i) => `${4990 + i}`),
    );
    expect(model.steps[0]?.log.total).toBe(5000);
    expect(told).toHaveLength(5000);
    model.apply(update({ vertices: [vertex("a", { started: 0, completed: 1 })] }));
    expect(model.steps[0]?.log.lines.map(({ text }) => text)).toEqual(["4998", "4999"]);
  });

  test("a huge line goes on in a line of its own", () => {
    const model = new BuildModel({ logLength: 1e6 });
    model.apply(
      update({ vertices: [vertex("a", { started: 0 })], logs: [log("a", `${"🚀".repeat(100_000)}\nend\n`)] }),
    );
    const lines = model.steps[0]?.log.lines.map(({ text }) => text) ?? [];
    expect(lines.join("").length).toBe(200_003);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(65_536);
    expect(lines.at(-1)).toBe("end");
    expect(lines.join("\n")).not.toMatch(/\p{Surrogate}/u);
  });

  test("a progress bar that is rewritten for hours takes no memory", () => {
    const model = modelOf(update({ vertices: [vertex("a", { started: 0 })] }));
    for (let i = 0; i < 3000; i++)
      model.apply(update({ logs: [log("a", `\r${"#".repeat(i % 100)} ${i}`.padEnd(120))] }));
    expect(model.steps[0]?.openLines[0]?.text.length).toBeLessThan(200);
    expect(model.steps[0]?.openLines[0]?.text.trimEnd()).toMatch(/ 2999$/);
  });

  test("bytes that are not UTF-8 become replacement characters", () => {
    const model = modelOf(
      update({
        vertices: [vertex("a", { started: 0 })],
        logs: [log("a", Buffer.from([0x61, 0xff, 0xc3, 0x0a, 0xe6, 0x97]))],
      }),
    );
    model.finish();
    expect(model.steps[0]?.log.lines.map(({ text }) => text)).toEqual(["a\ufffd\ufffd", "\ufffd"]);
  });
});

describe("events before their vertex", () => {
  test("wait for it", () => {
    const model = modelOf(
      update({
        logs: [log("a", "early\n")],
        statuses: [status("a", "t", { started: 0 })],
        warnings: [warning("a", "w")],
      }),
      update({ vertices: [vertex("a", { started: 0 })] }),
    );
    expect(model.steps.map(stepOf)).toMatchObject([
      { log: [{ text: "early" }], tasks: [{ id: "t" }], warnings: [{ short: "w" }] },
    ]);
  });

  test("do not wait in any number", () => {
    const model = new BuildModel();
    const chunk = Buffer.alloc(100_000, "x");
    for (let i = 0; i < 100; i++) model.apply(update({ logs: [log(`unknown ${i}`, chunk)] }));
    model.apply(
      update({ vertices: [vertex("unknown 0", { started: 0 }), vertex("unknown 99", { started: 0 })] }),
    );
    expect(model.steps.map((step) => step.openLines.length + step.log.total > 0)).toEqual([false, true]);
  });
});

describe("properties", () => {
  const bytes = fc
    .array(
      fc.oneof(
        fc.string({ unit: "grapheme" }),
        fc.constantFrom(
          "\n",
          "\r",
          "\r\n",
          "\t",
          "\b",
          "\u001b[31m",
          "\u001b[0m",
          "\u001b[K",
          "\u001b[3C",
          "\u001b[2D",
          "\u001b[1G",
        ),
        fc.constantFrom(
          "\u001b[2J",
          "\u001b]0;t\u0007",
          "\u001b]8;;x\u001b\\",
          "\u009b5A",
          "\u0000",
          "🚀",
          "日本",
        ),
      ),
      { maxLength: 30 },
    )
    .map((parts) => Buffer.from(parts.join("")));
  const junk = fc.oneof(
    bytes,
    fc.uint8Array({ maxLength: 60 }).map((data) => Buffer.from(data)),
  );

  function linesOf(chunks: readonly Uint8Array[]): string[] {
    const model = modelOf(update({ vertices: [vertex("a", { started: 0 })] }));
    for (const chunk of chunks) model.apply(update({ logs: [log("a", chunk)] }));
    model.finish();
    return model.steps[0]?.log.lines.map(({ text }) => text) ?? [];
  }

  test("cutting output into chunks never changes its lines", () => {
    fc.assert(
      fc.property(junk, fc.array(fc.nat(60), { maxLength: 8 }), (data, cuts) => {
        const at = [0, ...cuts.map((cut) => Math.min(cut, data.length)).sort((a, b) => a - b), data.length];
        const chunks = at.slice(1).map((end, index) => data.subarray(at[index], end));
        expect(linesOf(chunks)).toEqual(linesOf([data]));
      }),
      { numRuns: 500 },
    );
  });

  test("lines hold no controls but colours, and colours end with their line", () => {
    fc.assert(
      fc.property(junk, (data) => {
        for (const line of linesOf([data])) {
          expect(line.replace(/\u001b\[[0-9;:]*m/g, "")).not.toMatch(
            /[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/,
          );
          const last = line.lastIndexOf("\u001b");
          if (last !== -1) expect(line.slice(last).startsWith("\u001b[0m")).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });

  test("output without controls is kept as it is", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "grapheme-ascii" })), (lines) => {
        expect(linesOf([Buffer.from(lines.map((line) => `${line}\n`).join(""))])).toEqual(lines);
      }),
    );
  });

  test.each(RECORDINGS)("%s: said twice, everything but output is the same", async (name) => {
    const updates = (await recorded(name)).map((each) => ({ ...each, logs: [] }));
    expect(pictureOf(modelOf(...updates.flatMap((each) => [each, each])))).toEqual(
      pictureOf(modelOf(...updates)),
    );
    expect(pictureOf(modelOf(...updates, ...updates)).totals).toEqual(pictureOf(modelOf(...updates)).totals);
  });

  test("the order in which independent steps report does not change any of them", () => {
    const streams = ["a", "b", "c"].map((digest, index) => [
      update({ vertices: [vertex(digest)] }),
      update({ vertices: [vertex(digest, { started: index })] }),
      update({ statuses: [status(digest, "t", { started: index, current: 5, timestamp: 5 })] }),
      update({ logs: [log(digest, "li", { timestamp: 7 })] }),
      update({ logs: [log(digest, "ne\n", { timestamp: 8 })] }),
      update({ vertices: [vertex(digest, { started: index, completed: 20 })] }),
    ]);
    const inOrder = byId(modelOf(...streams.flat()));
    fc.assert(
      fc.property(fc.infiniteStream(fc.nat(2)), (picks) => {
        const queues = streams.map((stream) => [...stream]);
        const mixed: StatusUpdate[] = [];
        while (queues.some((queue) => queue.length > 0)) {
          const next = queues[picks.next().value]?.shift();
          if (next !== undefined) mixed.push(next);
        }
        expect(byId(modelOf(...mixed))).toEqual(inOrder);
      }),
    );

    function byId(model: BuildModel) {
      return Object.fromEntries(model.steps.map((step) => [step.id, { ...stepOf(step), number: 0 }]));
    }
  });
});
