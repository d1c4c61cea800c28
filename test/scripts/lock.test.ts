import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, it } from "vitest";
import { withLock } from "../../scripts/debian/lock.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), "lock-test-"));
});

afterEach(() => rm(folder, { recursive: true }));

it("lets one in at a time, and on after a failure", async () => {
  const file = path.join(folder, "lock");
  const ignore = () => {};
  let inside = 0;
  const work = async () => {
    inside++;
    expect(inside).toBe(1);
    await new Promise((resolve) => setImmediate(resolve));
    inside--;
    throw new Error("failed");
  };
  const results = await Promise.allSettled([1, 2, 3].map(() => withLock(file, ignore, work)));
  expect(results.map((result) => result.status)).toEqual(["rejected", "rejected", "rejected"]);
  expect(await withLock(file, ignore, () => Promise.resolve("done"))).toBe("done");
});

it("is free when its holder is killed", async () => {
  const file = path.join(folder, "lock");
  const program = fileURLToPath(new URL("lock-holder.ts", import.meta.url));
  const holder = fork(program, [file], {
    execArgv: ["--conditions=@buildkit-node/source", "--import", "tsx"],
  });
  await once(holder, "message");
  let waited = false;
  const onWait = () => {
    waited = true;
    holder.kill("SIGKILL");
  };
  expect(await withLock(file, onWait, () => Promise.resolve("done"))).toBe("done");
  expect(waited).toBe(true);
});
