import { PassThrough } from "node:stream";
import { connect } from "buildkit-node";
import { expect, it } from "vitest";
import { shellOnFailure } from "../../examples/debug-shell/shell-on-failure.ts";
import type { Terminal } from "../../examples/debug-shell/terminal.ts";
import { testRoot } from "../support/test-root.ts";
import { describeEachDaemon } from "../support/ways.ts";

/** Somebody who types each line once the screen shows the text that it answers to. */
function scriptedTerminal(script: readonly (readonly [shown: string, typed: string])[]) {
  const input = new PassThrough();
  const output = new PassThrough();
  const left = [...script];
  let screen = "";
  let seen = 0;
  let isTaken = false;
  output.on("data", (piece) => {
    screen += String(piece);
    const [next] = left;
    if (next === undefined || !screen.slice(seen).includes(next[0])) return;
    seen = screen.length;
    left.shift();
    input.write(`${next[1]}\n`);
  });
  const terminal: Terminal = {
    input,
    output,
    size: () => ({ rows: 20, columns: 70 }),
    take() {
      isTaken = true;
      return {
        [Symbol.dispose]() {
          isTaken = false;
        },
      };
    },
  };
  return { terminal, screen: () => screen, unanswered: left, taken: () => isTaken };
}

describeEachDaemon("the example debug-shell", (way) => {
  it("opens a shell in the step that failed, with its files, variables and directory", async () => {
    const root = await testRoot();
    const step = root.state
      .dir("/work")
      .run(["/bin/sh", "-c", "echo half >left; exit 9"], { env: { WORD: "hello" } });
    const { terminal, screen, unanswered, taken } = scriptedTerminal([
      ["failed with the code 9", "until stty size 2>&1 | grep '20 70'; do sleep 0.1; done"],
      ["20 70", "echo $WORD-$(cat left)-$(pwd)"],
      ["hello-half-/work", "exit 3"],
    ]);
    await using client = await connect(way.address);
    const build = client.build(shellOnFailure(step, terminal), { locals: root.locals });
    await expect(build).rejects.toMatchObject({ code: "ERR_BUILDKIT_SOLVE", exitCode: 9 });
    expect(unanswered, screen()).toEqual([]);
    expect(taken()).toBe(false);
  });

  it("asks nobody when the step succeeds", async () => {
    const root = await testRoot();
    const { terminal, screen } = scriptedTerminal([]);
    await using client = await connect(way.address);
    await client.build(shellOnFailure(root.state, terminal), { locals: root.locals });
    expect(screen()).toBe("");
  });
});
