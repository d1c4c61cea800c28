import { display } from "@buildkit-node/progress";
import { describe, expect, test } from "vitest";
import { capture } from "./support/recordings.ts";
import { update, vertex } from "./support/updates.ts";

const TERMINAL = { columns: 80, rows: 24 };

async function outputOf(...[mode, options]: Parameters<typeof display>): Promise<string> {
  const stream = capture(options?.stream?.isTTY ? TERMINAL : undefined);
  const sink = display(mode, { ...options, stream }).attach({ ref: "r" });
  await sink.update(update({ vertices: [vertex("a", { started: 0, completed: 1 })] }));
  await sink.end({});
  return stream.text();
}

const TTY = "\u001b[?25l";
const PLAIN = "#1 step a";
const JSON_LINE = '{"vertexes"';

describe("display", () => {
  test.each([
    ["auto", true, {}, TTY],
    ["auto", false, {}, PLAIN],
    ["auto", true, { TERM: "dumb" }, PLAIN],
    ["auto", true, { BUILDKIT_PROGRESS: "plain" }, PLAIN],
    ["auto", true, { BUILDKIT_PROGRESS: "" }, TTY],
    ["auto", false, { BUILDKIT_PROGRESS: "rawjson" }, JSON_LINE],
    ["plain", true, { BUILDKIT_PROGRESS: "tty" }, PLAIN],
    ["tty", true, {}, TTY],
    ["rawjson", true, {}, JSON_LINE],
  ] as const)("%s (on a terminal: %s, with %j) writes %j", async (mode, isTerminal, env, start) => {
    const stream = capture(isTerminal ? TERMINAL : undefined);
    expect((await outputOf(mode, { stream, env })).startsWith(start)).toBe(true);
  });

  test("quiet writes nothing, not even about failures", async () => {
    expect(await outputOf("quiet", { env: {} })).toBe("");
    expect(await outputOf("auto", { env: { BUILDKIT_PROGRESS: "quiet" } })).toBe("");
  });

  test.each([
    ["none", {}],
    ["auto", { BUILDKIT_PROGRESS: "fancy" }],
  ])("%s with %j is no mode", (mode, env) => {
    expect(() => display(mode as "auto", { stream: capture(), env })).toThrow(
      expect.objectContaining({ code: "ERR_BUILDKIT_INVALID_ARGUMENT", argument: "mode" }),
    );
  });

  test("tty needs a terminal", () => {
    expect(() => display("tty", { stream: capture(), env: {} })).toThrow(
      expect.objectContaining({ code: "ERR_BUILDKIT_INVALID_ARGUMENT", argument: "stream" }),
    );
  });

  test("writes nothing and listens to nothing before a build begins, and listens to nothing after it", async () => {
    for (const mode of ["tty", "plain", "rawjson"] as const) {
      const stream = capture(TERMINAL);
      const listeners = () =>
        ["error", "resize", "drain", "close"].map((event) => stream.listenerCount(event));
      const before = listeners();
      const sink = display(mode, { stream, env: {}, description: "builder" }).attach({ ref: "r" });
      expect(stream.text()).toBe("");
      await sink.end({});
      expect(listeners()).toEqual(before);
    }
  });
});
