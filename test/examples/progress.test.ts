import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

// The examples that need no daemon: they show recordings.
const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const recording = (name: string) => path.join(ROOT, "packages/progress/test/recordings", `${name}.rawjson`);

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "examples-"));
});
afterEach(() => rm(folder, { recursive: true }));

function start(example: string, ...args: string[]): ChildProcess {
  const script = path.join(ROOT, "examples", example);
  return spawn(process.execPath, ["--conditions=@buildkit-node/source", "--import", "tsx", script, ...args], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
  });
}

async function outputOf(example: string, ...args: string[]): Promise<string> {
  const child = start(example, ...args);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => (output += chunk));
  const code = await new Promise((resolve) => child.on("close", resolve));
  expect(code, output).toBe(0);
  return output;
}

describe("examples of progress", { timeout: 60_000 }, () => {
  test("replay-progress shows recordings again, also several at a time", async () => {
    const output = await outputOf(
      "replay-progress.ts",
      "--mode=plain",
      "--speed=Infinity",
      recording("failing"),
      recording("cached"),
    );
    expect(output).toContain("[failing deps 1/2] RUN echo fetching");
    expect(output).toContain("[cached build 2/5] COPY src/ ./");
  });

  test("build-report tells what happened and why, and writes a page", async () => {
    const page = path.join(folder, "report.html");
    const output = await outputOf(
      "build-report.ts",
      `--before=${recording("cached")}`,
      `--page=${page}`,
      recording("changed"),
    );
    expect(output).toContain("because files have changed that it takes from [internal] load build context");
    expect(await readFile(page, "utf8")).toMatch(/^<!doctype html>/);
  });

  test("progress-listr2 shows builds as tasks", async () => {
    const output = await outputOf("progress-listr2.ts", "--speed=Infinity", recording("cached"));
    expect(output).toContain("Build cached (11 steps, 5 cached)");
  });

  test("progress-web serves a page, events and a report", async () => {
    const child = start("progress-web.ts", "--speed=Infinity", recording("cached"));
    try {
      const address = await new Promise<string>((resolve, reject) => {
        child.stdout?.once("data", (chunk) => resolve(String(chunk).trim()));
        child.once("close", () => reject(new Error("the example ended")));
      });
      expect(await (await fetch(address)).text()).toContain("EventSource");
      const events = await fetch(new URL("/events", address));
      const first = await events.body?.getReader().read();
      expect(
        JSON.parse(
          Buffer.from(first?.value ?? [])
            .toString()
            .replace("data: ", ""),
        ),
      ).toHaveProperty("totals");
      expect(await (await fetch(new URL("/report", address))).text()).toContain("</html>");
    } finally {
      child.kill();
    }
  });
});
