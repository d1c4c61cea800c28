import { describe, expect, it } from "vitest";
import { BoundedQueue } from "../src/index.ts";

describe("BoundedQueue", () => {
  it("keeps order and tells the producer when to stop and when to go on", async () => {
    let drained = 0;
    const queue = new BoundedQueue<number>({ limit: 4, onDrain: () => drained++ });
    expect([1, 2, 3, 4, 5].map((n) => queue.push(n))).toEqual([true, true, true, false, false]);
    expect((await queue.next()).value).toBe(1);
    expect((await queue.next()).value).toBe(2);
    expect(drained).toBe(0);
    expect((await queue.next()).value).toBe(3);
    expect(drained).toBe(1);
    queue.end();
    const rest: number[] = [];
    for await (const n of queue) rest.push(n);
    expect(rest).toEqual([4, 5]);
  });

  it("gives a failure after the items that came before it", async () => {
    const queue = new BoundedQueue<string>({ limit: 10 });
    queue.push("a");
    queue.end({ error: new Error("lost") });
    expect(await queue.next()).toEqual({ done: false, value: "a" });
    await expect(queue.next()).rejects.toThrow("lost");
  });

  it("tells the producer when the consumer leaves", async () => {
    let left = false;
    const queue = new BoundedQueue<number>({ limit: 10, onReturn: () => (left = true) });
    queue.push(1);
    for await (const _ of queue) break;
    expect(left).toBe(true);
    expect(queue.push(2)).toBe(false);
  });

  it("wakes a consumer that waits", async () => {
    const queue = new BoundedQueue<number>({ limit: 10 });
    const waiting = queue.next();
    queue.push(7);
    expect((await waiting).value).toBe(7);
  });
});
