import { display } from "@buildkit-node/progress";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { capture, RECORDINGS, recorded } from "./support/recordings.ts";
import { play, settle } from "./support/replaying.ts";
import { log, status, update, vertex, warning } from "./support/updates.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance", "Date"] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe("plain", () => {
  test.each(RECORDINGS)("shows the build %s", async (name) => {
    const stream = capture();
    await play(display("plain", { stream, env: {} }), await recorded(name));
    await expect(stream.text()).toMatchFileSnapshot(`snapshots/${name}.plain.txt`);
  });

  test("leaves a step that talks in focus, and gives others their turn", async () => {
    const stream = capture();
    const updates = [update({ vertices: [vertex("a", { started: 0 }), vertex("b", { started: 0 })] })];
    for (let ms = 100; ms < 25_000; ms += 100) {
      updates.push(update({ logs: [log("a", `a ${ms}\n`, { timestamp: ms })] }));
      if (ms % 1000 === 0) updates.push(update({ logs: [log("b", `b ${ms}\n`, { timestamp: ms })] }));
    }
    await play(display("plain", { stream, env: {} }), updates);
    const blocks = stream
      .text()
      .split("\n")
      .filter((line) => / step | \.\.\.$/.test(line));
    expect(blocks.slice(0, 5)).toEqual(["#1 step a", "#1 ...", "#2 step b", "#2 ...", "#1 step a"]);
    expect(blocks.length).toBeLessThan(14);
    const lines = stream.text().split("\n");
    expect(lines.filter((line) => / a \d+$/.test(line))).toHaveLength(249);
    expect(lines.filter((line) => / b \d+$/.test(line))).toHaveLength(24);
  });

  test("writes what there is of an open line, and goes on where it was", async () => {
    const stream = capture();
    const sink = display("plain", { stream, env: {} }).attach({ ref: "r" });
    await sink.update(update({ vertices: [vertex("a", { started: 0 })], logs: [log("a", "dots ")] }));
    await vi.advanceTimersByTimeAsync(200);
    expect(stream.text()).toBe("#1 step a\n#1 0.000 dots ");
    await sink.update(update({ logs: [log("a", "...")] }));
    await vi.advanceTimersByTimeAsync(200);
    await sink.update(
      update({
        logs: [log("a", "!\n\rbar 1"), log("a", "\rbar 2"), log("a", "error\n", { stream: "stderr" })],
      }),
    );
    await vi.advanceTimersByTimeAsync(200);
    await sink.update(update({ vertices: [vertex("a", { started: 0, completed: 1000 })] }));
    await settle(sink.end({}));
    expect(stream.text().split("\n")).toEqual([
      "#1 step a",
      "#1 0.000 dots ...!",
      "#1 0.000 error",
      "#1 0.000 bar 2",
      "#1 DONE 1.0s",
      "",
    ]);
  });

  test("tells a task again after 5 percent or 5 seconds, and when it is done", async () => {
    const stream = capture();
    const amounts = [0, 1, 2, 6, 7, 7.5, 50, 51];
    await play(display("plain", { stream, env: {} }), [
      update({ vertices: [vertex("a", { started: 0 })] }),
      ...amounts.map((current, index) =>
        update({
          statuses: [
            status("a", "layer", { started: 0, current: current * 1e6, total: 1e8, timestamp: index * 1000 }),
          ],
        }),
      ),
      update({
        statuses: [
          status("a", "layer", { started: 0, current: 1e8, total: 1e8, timestamp: 9000, completed: 9000 }),
        ],
      }),
      update({ vertices: [vertex("a", { started: 0, completed: 9500 })] }),
    ]);
    expect(stream.text().split("\n")).toEqual([
      "#1 step a",
      "#1 layer 0B / 100.00MB",
      "#1 layer 6.00MB / 100.00MB 3.0s",
      "#1 layer 50.00MB / 100.00MB 6.0s",
      "#1 layer 100.00MB / 100.00MB 9.0s done",
      "#1 DONE 9.5s",
      "",
    ]);
  });

  test("a step that starts again after it was done gets its number again", async () => {
    const stream = capture();
    await play(display("plain", { stream, env: {} }), [
      update({ vertices: [vertex("a", { started: 0, completed: 0.01 })] }),
      update({ vertices: [vertex("b", { started: 1000, completed: 1500 })] }),
      update({
        vertices: [vertex("a", { started: 2000, completed: 3000 })],
        warnings: [warning("a", "careful")],
      }),
    ]);
    expect(stream.text()).toBe(
      "#1 step a\n#1 DONE 0.0s\n\n#2 step b\n#2 DONE 0.5s\n\n#1 step a\n#1 WARN: careful\n#1 DONE 1.0s\n",
    );
  });

  test("several builds share the numbers, and carry their names", async () => {
    const stream = capture();
    const screen = display("plain", { stream, env: {} });
    const done = (name: string) => [
      update({ vertices: [vertex("a", { name, started: 0, completed: 1000 })] }),
    ];
    await play(screen, done("[internal] load"), { name: "app" });
    await play(screen, done("export"), { name: "db" });
    expect(stream.text()).toBe("#1 [app internal] load\n#1 DONE 1.0s\n\n#2 [db] export\n#2 DONE 1.0s\n");
  });

  test("folds steps into groups of GitHub Actions, which output cannot leave", async () => {
    const stream = capture();
    const env = { GITHUB_ACTIONS: "true" };
    await play(display("auto", { stream, env }), [
      update({ vertices: [vertex("a", { name: "a\n::endgroup::", started: 0 })] }),
      update({ logs: [log("a", "::error::x\n")] }),
      update({
        vertices: [
          vertex("a", { name: "a\n::endgroup::", started: 0, completed: 10, error: "x\n::error::y" }),
        ],
      }),
      update({ vertices: [vertex("b", { started: 0, completed: 10, cached: true })] }),
    ]);
    expect(stream.text().split("\n")).toEqual([
      "::group::#1 a ::endgroup::",
      "#1 0.000 ::error::x",
      "#1 ERROR: x",
      "#1 ::error::y",
      "::endgroup::",
      "::group::#2 step b",
      "#2 CACHED",
      "::endgroup::",
      "------",
      " > a ::endgroup:::",
      "0.000 ::error::x",
      "------",
      "",
    ]);
  });

  test("keeps the colours of output unless NO_COLOR is set", async () => {
    const red = update({
      vertices: [vertex("a", { started: 0 })],
      logs: [log("a", "\u001b[31mred\nstill\u001b[0m\n")],
    });
    const [colored, bare] = [capture(), capture()];
    await play(display("plain", { stream: colored, env: {} }), [red]);
    await play(display("plain", { stream: bare, env: { NO_COLOR: "1" } }), [red]);
    expect(colored.text()).toContain("#1 0.000 \u001b[31mred\u001b[0m\n#1 0.000 \u001b[31mstill\u001b[0m\n");
    expect(bare.text()).toContain("#1 0.000 red\n#1 0.000 still\n");
  });

  test("cuts names when PROGRESS_NO_TRUNC is 0, at characters", async () => {
    const stream = capture();
    await play(display("plain", { stream, env: { PROGRESS_NO_TRUNC: "0" } }), [
      update({ vertices: [vertex("a", { name: "🚀".repeat(80), started: 0, completed: 0 })] }),
    ]);
    expect(stream.text().split("\n")[0]).toBe(`#1 ${"🚀".repeat(72)}...`);
  });

  test("holds a bounded amount of output back, and asks the build to wait for a slow reader", async () => {
    const stream = capture();
    stream.pause();
    const sink = display("plain", { stream, env: {} }).attach({ ref: "r" });
    await sink.update(update({ vertices: [vertex("a", { started: 0 })] }));
    const wait = sink.update(update({ logs: [log("a", `${"x".repeat(60_000)}\n`.repeat(40))] }));
    expect(wait).toBeInstanceOf(Promise);
    stream.resume();
    await wait;
    await settle(sink.end({}));
    expect(stream.text().length).toBeGreaterThan(2_400_000);
  });

  test("a reader that goes away stops the writing, not the build", async () => {
    const stream = capture();
    const sink = display("plain", { stream, env: {} }).attach({ ref: "r" });
    await sink.update(update({ vertices: [vertex("a", { started: 0 })] }));
    stream.destroy(new Error("write EPIPE"));
    await vi.advanceTimersByTimeAsync(500);
    await sink.update(update({ logs: [log("a", "x\n")] }));
    await settle(sink.end({}));
    expect(stream.listenerCount("error")).toBe(0);
  });
});
