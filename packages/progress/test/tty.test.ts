import type { StatusUpdate } from "@buildkit-node/core";
import { display } from "@buildkit-node/progress";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { RECORDINGS, recorded } from "./support/recordings.ts";
import { play, settle } from "./support/replaying.ts";
import { TestTerminal } from "./support/terminal.ts";
import { log, status, update, vertex, warning } from "./support/updates.ts";

const ENV = { NO_COLOR: "1" };

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance", "Date"] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe("tty", () => {
  test.each(RECORDINGS)("shows the build %s", async (name) => {
    const terminal = new TestTerminal(100, 24);
    await play(display("tty", { stream: terminal.stream, env: { NO_COLOR: "1" } }), await recorded(name));
    vi.useRealTimers();

    const last = terminal.writes.at(-1)?.at ?? 0;
    const middle = await terminal.text(last * 0.6);
    const end = await terminal.text();
    const screens = [
      `at ${Math.round(last * 0.6)} ms:`,
      ...middle.lines,
      "",
      "at the end:",
      ...end.lines,
      "",
    ];
    await expect(screens.join("\n")).toMatchFileSnapshot(`snapshots/${name}.tty.txt`);
    expect(end.cursorHidden).toBe(false);
  });

  test.each([
    [40, 10],
    [20, 8],
    [12, 4],
    [1, 2],
    [80, 1],
  ])("stays within a terminal of %i by %i", async (columns, rows) => {
    const terminal = new TestTerminal(columns, rows);
    const updates = [
      update({
        vertices: [vertex("a", { name: "[1/2] RUN 日本語 🚀 👨‍👩‍👧 long name of a step", started: 0 })],
      }),
      update({ logs: [log("a", `${"wide 日本語 ".repeat(20)}\n\ttab\n`, { timestamp: 500 })] }),
      update({
        statuses: [
          status("a", "sha256:0123456789", { started: 0, current: 3e6, total: 9e6, timestamp: 900 }),
        ],
      }),
      ...Array.from({ length: 9 }, (_, i) => update({ vertices: [vertex(`b${i}`, { started: 1000 + i })] })),
      update({ logs: [log("a", "x\n", { timestamp: 3000 })] }),
    ];
    await playUnended(terminal, updates);
    const { lines, wrapped } = await terminal.text();
    expect(wrapped).toBe(0);
    expect(lines.length).toBeLessThanOrEqual(rows);
  });

  test("counts more running steps than there are rows", async () => {
    const terminal = new TestTerminal(60, 6);
    await playUnended(terminal, [
      update({ vertices: Array.from({ length: 9 }, (_, i) => vertex(`${i}`, { started: i })) }),
      update({ logs: [log("1", "x\n", { timestamp: 400 })] }),
    ]);
    const { lines } = await terminal.text();
    expect(lines.map((line) => line.replace(/ +\d\.\ds$/, ""))).toEqual([
      "[+] Building 0.4s (0/9)",
      " => step 0",
      " => step 1",
      " => step 2",
      " => ... 6 more running",
    ]);
  });

  test("draws anew when the terminal changes its size, and leaves nothing behind", async () => {
    const terminal = new TestTerminal(80, 24);
    const sink = display("tty", { stream: terminal.stream, env: ENV }).attach({ ref: "r" });
    await sink.update(update({ vertices: [vertex("a", { name: "name ".repeat(30), started: 0 })] }));
    await vi.advanceTimersByTimeAsync(200);
    terminal.resize(30, 10);
    await vi.advanceTimersByTimeAsync(200);
    terminal.resize(80, 24);
    await vi.advanceTimersByTimeAsync(200);
    await sink.update(update({ vertices: [vertex("a", { name: "done", started: 0, completed: 600 })] }));
    await settle(sink.end({}));
    vi.useRealTimers();
    const { lines } = await terminal.text();
    expect(lines).toHaveLength(2);
    expect(lines[1]).toMatch(/^ => done +0\.6s$/);
  });

  test("shows several builds at once; one that ends stays above those that go on", async () => {
    const terminal = new TestTerminal(60, 12);
    const screen = display("tty", { stream: terminal.stream, env: ENV });
    const [first, second] = [
      screen.attach({ ref: "1", name: "app" }),
      screen.attach({ ref: "2", name: "db" }),
    ];
    await first.update(update({ vertices: [vertex("a", { started: 0 })] }));
    await second.update(update({ vertices: [vertex("a", { started: 0 })] }));
    await vi.advanceTimersByTimeAsync(1000);
    await second.update(update({ vertices: [vertex("a", { started: 0, completed: 900 })] }));
    await settle(second.end({}));
    await vi.advanceTimersByTimeAsync(1000);
    const during = [...terminal.writes];
    await settle(first.end({ error: new Error("stopped") }));
    expect(terminal.stream.listenerCount("resize")).toBe(0);
    vi.useRealTimers();
    expect((await terminal.text(during.at(-1)?.at)).lines).toEqual([
      "[+] Building db 1.0s (1/1) FINISHED",
      " => step a                                             0.9s",
      expect.stringMatching(/^\[\+\] Building app [12]\.\ds \(0\/1\)$/),
      expect.stringMatching(/^ => step a +[12]\.\ds$/),
    ]);
    expect((await terminal.text()).lines.at(-2)).toMatch(/ERROR$/);
  });

  test("more builds than rows are counted", async () => {
    const terminal = new TestTerminal(60, 4);
    const screen = display("tty", { stream: terminal.stream, env: ENV });
    const sinks = Array.from({ length: 5 }, (_, i) => screen.attach({ ref: `${i}`, name: `build${i}` }));
    await vi.advanceTimersByTimeAsync(200);
    const { at } = terminal.writes.at(-1) ?? { at: 0 };
    await Promise.all(sinks.map((sink) => settle(sink.end({}))));
    vi.useRealTimers();
    const { lines } = await terminal.text(at);
    expect(lines.map((line) => line.replace(/ \d\.\ds.*/, ""))).toEqual([
      "[+] Building build0",
      "[+] Building build1",
      "... 3 more builds",
    ]);
  });

  test("tells warnings, failed steps and the lines of the source at the end", async () => {
    const terminal = new TestTerminal(70, 20);
    const source = {
      filename: "Dockerfile",
      language: "Dockerfile",
      data: Buffer.from("FROM a\nRUN b\nRUN c\n"),
    };
    const ranges = [{ start: { line: 2, character: 0 }, end: { line: 2, character: 5 } }];
    await play(
      display("tty", { stream: terminal.stream, env: ENV }),
      [
        update({ vertices: [vertex("a", { started: 0 })] }),
        update({
          logs: [
            log("a", "line\n".repeat(1200), { timestamp: 1 }),
            log("a", "\u001b[2Jfatal", { timestamp: 1500 }),
          ],
        }),
        update({ warnings: [warning("a", "careful", { url: "https://example.com/why" })] }),
        update({
          vertices: [vertex("a", { started: 0, completed: 2000, error: "exit code: 1\nsecond line" })],
        }),
      ],
      { error: Object.assign(new Error("failed"), { sources: [{ ...source, ranges }] }) },
    );
    vi.useRealTimers();
    const { lines } = await terminal.text();
    const from = lines.indexOf(" 1 warning:");
    expect(lines.slice(from, from + 6)).toEqual([
      " 1 warning:",
      " - careful",
      "   https://example.com/why",
      "------",
      " > step a:",
      "... 201 lines before",
    ]);
    expect(lines.slice(-11)).toEqual([
      "1.500 fatal",
      "ERROR: exit code: 1",
      "second line",
      "------",
      "Dockerfile:2",
      "--------------------",
      "   1 |     FROM a",
      "   2 | >>> RUN b",
      "   3 |     RUN c",
      "   4 |     ",
      "--------------------",
    ]);
  });

  test.each([
    [{}, "\u001b[34m"],
    [{ BUILDKIT_COLORS: "run=light-green:error=1,2,3" }, "\u001b[92m"],
    [{ BUILDKIT_COLORS: "run=255,0,0:nonsense:run=no-color:x=y" }, "\u001b[38;5;196m"],
    [{ NO_COLOR: "1", BUILDKIT_COLORS: "run=green" }, " => step a"],
  ])("with %j, steps that are done start with %j", async (env, start) => {
    const terminal = new TestTerminal(60, 10);
    await play(display("tty", { stream: terminal.stream, env }), [
      update({ vertices: [vertex("a", { started: 0, completed: 10 })] }),
    ]);
    const row = terminal.writes
      .map(({ text }) => text.split("\n").find((line) => line.includes("step a")))
      .at(-1);
    expect(
      row?.startsWith(process.platform === "win32" && start === "\u001b[34m" ? "\u001b[36m" : start),
    ).toBe(true);
  });

  test("a stream that breaks stops the drawing, not the build", async () => {
    const terminal = new TestTerminal(60, 10);
    const sink = display("tty", { stream: terminal.stream, env: ENV }).attach({ ref: "r" });
    terminal.stream.destroy(Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
    await vi.advanceTimersByTimeAsync(500);
    await sink.update(update({ vertices: [vertex("a", { started: 0 })] }));
    await settle(sink.end({}));
    expect(terminal.writes).toEqual([]);
    expect(terminal.stream.listenerCount("error")).toBe(0);
  });

  test("updates and a second end after the end are passed over", async () => {
    const terminal = new TestTerminal(60, 10);
    const sink = display("tty", { stream: terminal.stream, env: ENV }).attach({ ref: "r" });
    await settle(sink.end({}));
    const writes = terminal.writes.length;
    await sink.update(update({ vertices: [vertex("a", { started: 0 })] }));
    await settle(sink.end({}));
    await vi.advanceTimersByTimeAsync(1000);
    expect(terminal.writes.length).toBe(writes);
    expect(vi.getTimerCount()).toBe(0);
  });
});

/** Replays a build up to a point at which it still runs. */
async function playUnended(terminal: TestTerminal, updates: readonly StatusUpdate[]): Promise<void> {
  const sink = display("tty", { stream: terminal.stream, env: ENV }).attach({ ref: "r" });
  for (const each of updates) await sink.update(each);
  await vi.advanceTimersByTimeAsync(300);
  vi.useRealTimers();
}
