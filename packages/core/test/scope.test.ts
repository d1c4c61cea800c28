import { describe, expect, it } from "vitest";
import { Scope } from "../src/index.ts";

describe("Scope", () => {
  it("closes in reverse order of opening, once", async () => {
    const scope = new Scope();
    const order: string[] = [];
    scope.defer(() => void order.push("first"));
    scope.use({ [Symbol.asyncDispose]: async () => void order.push("second") });
    scope.use({ [Symbol.dispose]: () => void order.push("third") });
    await Promise.all([scope.close(), scope.close()]);
    expect(order).toEqual(["third", "second", "first"]);
    expect(scope.closed).toBe(true);
  });

  it("closes the others when one fails, and reports every failure", async () => {
    const scope = new Scope();
    const closed: string[] = [];
    scope.defer(() => void closed.push("a"));
    scope.defer(() => {
      throw new Error("b broke");
    });
    await expect(scope.close()).rejects.toThrow("b broke");
    expect(closed).toEqual(["a"]);

    const both = new Scope();
    for (const name of ["x", "y"]) {
      both.defer(() => {
        throw new Error(name);
      });
    }
    await expect(both.close()).rejects.toBeInstanceOf(AggregateError);
  });

  it("closes at once what is given to it after closing", async () => {
    const scope = new Scope();
    await scope.close();
    let closed = false;
    scope.defer(() => {
      closed = true;
    });
    await scope.close();
    expect(closed).toBe(true);
  });
});
