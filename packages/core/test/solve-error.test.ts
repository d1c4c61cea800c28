import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import {
  BuildkitError,
  SolveError,
  type SolveErrorFields,
  sourceExcerpt,
  withoutPasswords,
} from "../src/index.ts";

const at = (line: number, last = line) => ({
  start: { line, character: 0 },
  end: { line: last, character: 0 },
});
const bytes = (text: string) => new TextEncoder().encode(text);
const dockerfile = bytes(
  "FROM alpine\nRUN true\nRUN echo a && \\\n  false\nRUN three\nRUN four\nRUN five\nRUN six\nRUN seven\n",
);

const failed: SolveErrorFields = {
  ref: "abc",
  text: 'process "/bin/sh -c false" did not complete successfully: exit code: 1',
  status: "Unknown",
  vertex: { digest: "sha256:1", name: "[3/9] RUN echo a &&   false" },
  exitCode: 1,
  sources: [{ filename: "Dockerfile", language: "Dockerfile", data: dockerfile, ranges: [at(3, 4)] }],
  logs: ["a", "\u001b[31mred\u001b[0m \u001b]0;title\u0007"],
  frontend: "dockerfile.v0",
  denied: [],
  daemonStacks: [],
  details: [],
  detailsMissing: false,
};

describe("SolveError", () => {
  it("names the place in its message, and carries the fields", () => {
    const error = new SolveError(failed);
    expect(BuildkitError.is(error)).toBe(true);
    expect(error.message).toBe(`build failed: ${failed.text} (Dockerfile:3)`);
    expect(error).toMatchObject({ code: "ERR_BUILDKIT_SOLVE", exitCode: 1, logs: failed.logs });
  });

  it("draws the step, its log and the marked lines, without the step's control characters", () => {
    expect(new SolveError(failed).format()).toBe(
      [
        "> [3/9] RUN echo a &&   false",
        "  a",
        "  red",
        "",
        "Dockerfile:3",
        "  1 | FROM alpine",
        "  2 | RUN true",
        "> 3 | RUN echo a && \\",
        "> 4 |   false",
        "  5 | RUN three",
        "  6 | RUN four",
        "  7 | RUN five",
        "",
        `error: ${failed.text}`,
      ].join("\n"),
    );
  });

  it("shows how a very long line begins and ends, without cutting signs in half", () => {
    const command = `RUN echo ${"🎉".repeat(1000)} && false`;
    const error = new SolveError({
      ...failed,
      text: `process ${JSON.stringify(command)} did not complete successfully: exit code: 1`,
      vertex: { digest: "sha256:1", name: `[2/2] ${command}` },
      sources: [{ ...failed.sources[0]!, data: bytes(command), ranges: [at(1)] }],
    });
    const lines = error.format().split("\n");
    expect(lines.every((line) => [...line].length < 440)).toBe(true);
    expect(error.format()).not.toMatch(/\p{Surrogate}/u);
    expect(lines.at(-1)).toMatch(
      /^error: process "RUN echo 🎉+ … \(\d+ more\) … 🎉+ && false" did .* exit code: 1$/u,
    );
    expect(error.message).toContain(command);
  });

  it("draws of a line that was overwritten what was there in the end", () => {
    const logs = ["10 %\r50 %\r\u001b[32m100 %\u001b[0m\r", "done"];
    expect(new SolveError({ ...failed, logs }).format()).toContain("\n  100 %\n  done\n");
  });

  it("draws a place once that is named twice", () => {
    const [source] = failed.sources;
    const twice = new SolveError({ ...failed, sources: [source!, source!] });
    expect(twice.format()).toBe(new SolveError(failed).format());
  });

  it("draws what there is when there is little", () => {
    const { vertex, exitCode, frontend, ...rest } = failed;
    const error = new SolveError({ ...rest, text: "no", sources: [], logs: [], detailsMissing: true });
    expect(error.format()).toBe("error: no\n(the details were too large to be sent)");
    expect(error.message).toBe("build failed: no (the details were too large to be sent)");
    expect("vertex" in error).toBe(false);
  });
});

describe("a SolveError on a console", () => {
  const stack = {
    frames: [{ name: "frame", file: "a.go", line: 1 }],
    command: [],
    version: "",
    revision: "",
  };
  const details = [{ type: "errdefs.Vertex+json", value: bytes("{}") }];
  const shown = inspect(
    new SolveError({ ...failed, daemonStacks: [stack], details }, { cause: new Error("the call failed") }),
  );

  it("shows what happened and where, and the fields that are short", () => {
    expect(shown).toMatch(/^SolveError: build failed: .*\(Dockerfile:3\)\n {4}at /);
    expect(shown).toContain("> 3 | RUN echo a");
    expect(shown).toContain('{ code: "ERR_BUILDKIT_SOLVE", ref: "abc", status: "Unknown", exitCode: 1 }');
  });

  it("leaves out what is for programs: the daemon's stack, raw details, the call below", () => {
    expect(shown).not.toMatch(/a\.go|errdefs|the call failed|Uint8Array/);
    expect(shown.split("\n").length).toBeLessThan(40);
  });
});

describe("errorAdvice", () => {
  const adviceOf = (text: string) => /\nhint: (.*)/.exec(new SolveError({ ...failed, text }).format())?.[1];

  it("says how to give what is missing", () => {
    expect(adviceOf("failed to load LLB: network.host is not allowed")).toContain('["network.host"]');
    expect(adviceOf("secret npmrc: not found")).toContain('secrets: { "npmrc"');
    expect(adviceOf('no SSH key "" forwarded from the client')).toContain('ssh: ["default"]');
    expect(adviceOf("exit code: 1")).toBeUndefined();
  });
});

describe("sourceExcerpt", () => {
  it("keeps distant places apart and ignores ranges outside the file", () => {
    const data = bytes(Array.from({ length: 30 }, (_, index) => `line ${index + 1}`).join("\r\n"));
    const excerpt = sourceExcerpt(data, [at(2), at(20), at(400)]);
    expect(excerpt.map((line) => line.number)).toEqual([1, 2, 3, 4, 5, 17, 18, 19, 20, 21, 22, 23]);
    expect(excerpt.filter((line) => line.marked).map((line) => line.text)).toEqual(["line 2", "line 20"]);
    expect(sourceExcerpt(data, [at(0)])).toEqual([]);
  });

  it.each([
    ["one range", [at(5, 2 ** 31)]],
    ["as many ranges", Array.from({ length: 1000 }, (_, index) => at(index + 5))],
  ])("is bounded for a step of many lines, given as %s", (_, ranges) => {
    const excerpt = sourceExcerpt(bytes("x\n".repeat(100_000)), ranges);
    expect(excerpt.map(({ number }) => number)).toEqual(Array.from({ length: 46 }, (_, index) => index + 2));
    expect(excerpt.every(({ number, marked }) => marked === number >= 5)).toBe(true);
  });
});

describe("withoutPasswords", () => {
  it("leaves the address and the user, and takes passwords with odd signs whole", () => {
    const text = "fatal: 'https://me:p@ss:w0rd@host.test/a.git' and ssh://you@host/b, c:d@e";
    expect(withoutPasswords(text)).toBe(
      "fatal: 'https://me:xxxxx@host.test/a.git' and ssh://you@host/b, c:d@e",
    );
    expect(withoutPasswords("http://host:80/a@b")).toBe("http://host:80/a@b");
  });
});
