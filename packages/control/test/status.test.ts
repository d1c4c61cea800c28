import { create } from "@bufbuild/protobuf";
import { StatusResponseSchema } from "@buildkit-node/proto/control";
import { describe, expect, it } from "vitest";
import { LogTail } from "../src/solve/log-tail.ts";
import { withInterval } from "../src/status/build-events.ts";
import { statusUpdateFromProto } from "../src/status/status-update.ts";
import { clockSkewMs } from "../src/status/watch-status.ts";

describe("statusUpdateFromProto", () => {
  it("has times in milliseconds with their fraction, in this machine's clock", () => {
    const update = statusUpdateFromProto(
      create(StatusResponseSchema, {
        vertexes: [{ digest: "d", name: "n", started: { seconds: 10n, nanos: 123_456_789 } }],
        statuses: [{ ID: "i", vertex: "d", current: 3n, total: 9n, timestamp: { seconds: 1n } }],
        logs: [{ vertex: "d", stream: 2n, msg: Buffer.from("x"), timestamp: { seconds: 2n } }],
        warnings: [{ vertex: "d", short: Buffer.from("short"), detail: [Buffer.from("more")], level: 1n }],
      }),
      500,
    );
    expect(update.vertices).toEqual([
      { digest: "d", name: "n", inputs: [], cached: false, started: 10_623.456789 },
    ]);
    expect(update.statuses).toEqual([
      { id: "i", vertex: "d", name: "", current: 3, total: 9, timestamp: 1500 },
    ]);
    expect(update.logs[0]).toMatchObject({ stream: "stderr", timestamp: 2500 });
    expect(update.warnings).toEqual([
      { vertex: "d", level: 1, short: "short", detail: ["more"], ranges: [] },
    ]);
  });
});

describe("clockSkewMs", () => {
  it("is what the daemon's clock is behind", () => {
    const daemon = "2026-11-21T08:00:00.123456789Z";
    expect(clockSkewMs(daemon, Date.parse("2026-11-21T08:00:01.123Z"))).toBe(1000);
    expect(clockSkewMs("2026-11-21T09:00:00.5+01:00", Date.parse("2026-11-21T08:00:00.000Z"))).toBe(-500);
    expect(clockSkewMs(null, 5)).toBe(0);
    expect(clockSkewMs("yesterday", 5)).toBe(0);
  });
});

describe("withInterval", () => {
  const vertex = (started?: number, completed?: number) => ({
    digest: "d",
    name: "n",
    inputs: [],
    cached: false,
    ...(started !== undefined && { started }),
    ...(completed !== undefined && { completed }),
  });
  const after = (...states: ReturnType<typeof vertex>[]) =>
    states.reduce<ReturnType<typeof withInterval>>((known, state) => withInterval(known, state), []);

  it("adds up a step that starts again", () => {
    expect(after(vertex(), vertex(1, 2), vertex(5), vertex(5, 9))).toEqual([
      { start: 1, end: 2 },
      { start: 5, end: 9 },
    ]);
  });

  it("joins intervals that overlap", () => {
    expect(after(vertex(1, 4), vertex(3, 6), vertex(8, 9))).toEqual([
      { start: 1, end: 6 },
      { start: 8, end: 9 },
    ]);
    expect(after(vertex(1), vertex(3, 6))).toEqual([{ start: 1, end: 6 }]);
    expect(after(vertex(1, 4), vertex(2))).toEqual([{ start: 1 }]);
  });
});

describe("LogTail", () => {
  const log = (vertex: string, text: string) =>
    ({ vertex, stream: "stdout", data: Buffer.from(text), timestamp: 0 }) as const;

  it("puts pieces together into lines and keeps the last of them", () => {
    const tail = new LogTail();
    for (const text of ["one\ntw", "o\r\n", "three"]) tail.add(log("a", text));
    expect(tail.lines("a")).toEqual(["one", "two", "three"]);
    for (let line = 0; line < 10_000; line++) tail.add(log("a", `line ${line}\n`));
    expect(tail.lines("a").length).toBeLessThanOrEqual(80);
    expect(tail.lines("a").at(-1)).toBe("line 9999");
  });

  it("is bounded in bytes and in steps", () => {
    const tail = new LogTail();
    tail.add(log("big", "x".repeat(1_000_000)));
    expect(tail.lines("big").join("").length).toBeLessThanOrEqual(16 * 1024);
    for (let step = 0; step < 300; step++) tail.add(log(`step ${step}`, "said\n"));
    expect(tail.lines("big")).toEqual([]);
    expect(tail.lines("step 299")).toEqual(["said"]);
    expect(tail.lines("never")).toEqual([]);
  });
});
