import { describe, expect, it } from "vitest";
import { abortable, BuildkitError, delay, InvalidArgumentError, onAbort, within } from "../src/index.ts";

describe("abort helpers", () => {
  it("abortable rejects with the signal's reason and leaves the work alone", async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const waiting = abortable(new Promise(() => {}), controller.signal);
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await expect(abortable(Promise.resolve(1), controller.signal)).rejects.toBe(reason);
  });

  it("delay can be aborted", async () => {
    const controller = new AbortController();
    const waiting = delay(60_000, controller.signal);
    controller.abort(new Error("stop"));
    await expect(waiting).rejects.toThrow("stop");
  });

  it("within gives undefined for what takes too long", async () => {
    expect(await within(new Promise(() => {}), 1)).toBeUndefined();
    expect(await within(Promise.resolve(3), 1000)).toBe(3);
  });

  it("onAbort calls at once for a signal that is aborted already, and forgets on dispose", () => {
    const seen: unknown[] = [];
    onAbort(AbortSignal.abort("now"), (reason) => seen.push(reason));
    const controller = new AbortController();
    onAbort(controller.signal, (reason) => seen.push(reason))[Symbol.dispose]();
    controller.abort("later");
    expect(seen).toEqual(["now"]);
  });
});

describe("BuildkitError", () => {
  it("keeps code, cause and fields, and is known across copies", () => {
    const cause = new Error("inner");
    const error = new InvalidArgumentError("dest", 3, "dest must be a path", { cause });
    expect(BuildkitError.is(error)).toBe(true);
    expect(BuildkitError.is(new Error("x"))).toBe(false);
    expect(error).toMatchObject({ code: "ERR_BUILDKIT_INVALID_ARGUMENT", argument: "dest", value: 3, cause });
  });
});
