import { display } from "@buildkit-node/progress";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { capture, RECORDINGS, recorded } from "./support/recordings.ts";
import { play } from "./support/replaying.ts";

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
});
