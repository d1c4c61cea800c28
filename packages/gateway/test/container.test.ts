import { setTimeout as sleep } from "node:timers/promises";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ExecMessage, ExecMessageSchema } from "@buildkit-node/proto/gateway";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Container, Gateway } from "../src/index.ts";
import { build, type Script } from "./support/scripted-daemon.ts";

type Exec = NonNullable<NonNullable<Script["bridge"]>["execProcess"]>;

/** Runs `use` with a container whose processes are played by `execProcess`. */
async function withContainer(
  execProcess: Exec,
  use: (container: Container, gateway: Gateway) => Promise<void>,
) {
  const { thrown } = await build({ bridge: { execProcess } }, async (gateway) => {
    await use(await gateway.newContainer({ mounts: [{ target: "/" }] }), gateway);
    return undefined;
  });
  if (thrown !== undefined) throw thrown;
}

type Answer =
  | { readonly case: "Started" | "Done" }
  | readonly ["out", string]
  | readonly ["exit", number, string?];

function say(ProcessID: string, answer: Answer): MessageInitShape<typeof ExecMessageSchema> {
  if ("case" in answer) return { ProcessID, Input: { case: answer.case, value: {} } };
  const [kind, what, text] = answer;
  if (kind === "out")
    return { ProcessID, Input: { case: "File", value: { Fd: 1, Data: Buffer.from(what) } } };
  const known = [{ typeUrl: "github.com/moby/buildkit/gatewayapi.ExitMessage+json" }];
  const error = { code: 2, message: text ?? `exit code: ${what}`, details: text === undefined ? known : [] };
  return { ProcessID, Input: { case: "Exit", value: { Code: what, ...(what !== 0 && { Error: error }) } } };
}

/** A process that says this, whatever it is sent. */
function script(...answers: readonly Answer[]): Exec {
  return async function* (requests) {
    const iterator = requests[Symbol.asyncIterator]();
    const first = await iterator.next();
    const id = (first.value as ExecMessage).ProcessID;
    for (const answer of answers) yield say(id, answer);
    for (;;) if ((await iterator.next()).done) return;
  };
}

const started = { case: "Started" } as const;
const done = { case: "Done" } as const;

afterEach(() => {
  vi.useRealTimers();
});

describe("a process", () => {
  it("tells its output and its code, in whatever order they come", async () => {
    const orders: (readonly Answer[])[] = [
      [started, ["out", "a"], ["exit", 3], done],
      [started, ["exit", 3], ["out", "a"], done],
      [started, ["out", "a"], done, ["exit", 3]],
    ];
    for (const order of orders) {
      await withContainer(script(...order), async (container) => {
        const { code, text, stdout } = await container.run({ args: ["x"] });
        expect([code, text, new TextDecoder().decode(stdout)]).toEqual([3, "exit code: 3", "a"]);
      });
    }
  });

  it("is not waited for when the daemon never says farewell", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    await withContainer(script(started, ["exit", 0]), async (container) => {
      let code: number | undefined;
      void container.run({ args: ["x"] }).then((result) => {
        code = result.code;
      });
      while (code === undefined) {
        await new Promise((resolve) => setImmediate(resolve));
        await vi.advanceTimersByTimeAsync(100);
      }
      expect(code).toBe(0);
    });
  });

  it("gets its arguments, variables and directory, and ends of input", async () => {
    const seen: ExecMessage[] = [];
    const echo: Exec = async function* (requests) {
      for await (const request of requests) {
        seen.push(request);
        const id = request.ProcessID;
        if (request.Input.case === "Init") yield say(id, started);
        else if (request.Input.case === "File" && !request.Input.value.EOF) {
          yield say(id, ["out", new TextDecoder().decode(request.Input.value.Data)]);
        } else {
          yield say(id, ["exit", 0]);
          yield say(id, done);
        }
      }
    };
    await withContainer(echo, async (container) => {
      const { stdout } = await container.run({
        args: ["cat", "-"],
        env: { A: "=b" },
        cwd: "/w",
        user: "7",
        input: "hi",
      });
      expect(new TextDecoder().decode(stdout)).toBe("hi");
    });
    expect(seen[0]?.Input).toMatchObject({
      case: "Init",
      value: {
        Meta: { args: ["cat", "-"], env: ["A==b"], cwd: "/w", user: "7" },
        Fds: [0, 1, 2],
        Tty: false,
      },
    });
  });

  it("has its input ended by its own end", async () => {
    let ended = false;
    const exec: Exec = async function* (requests) {
      for await (const { ProcessID, Input } of requests) {
        if (Input.case === "Init") {
          yield say(ProcessID, started);
          yield say(ProcessID, ["exit", 0]);
        }
        if (Input.case === "File" && Input.value.EOF) {
          ended = true;
          yield say(ProcessID, done);
        }
      }
    };
    await withContainer(exec, async (container) => {
      const process = await container.start({ args: ["x"], stdin: true });
      expect(await process.exited).toEqual({ code: 0, text: "" });
      expect(ended).toBe(true);
      expect(process.stdin?.destroyed).toBe(true);
    });
  });

  it("gives a terminal a size at once", async () => {
    const sizes: unknown[] = [];
    const exec: Exec = async function* (requests) {
      for await (const { ProcessID, Input } of requests) {
        if (Input.case === "Init") yield say(ProcessID, started);
        if (Input.case === "Resize") {
          sizes.push([Input.value.Rows, Input.value.Cols]);
          yield say(ProcessID, ["exit", 0]);
          yield say(ProcessID, done);
        }
      }
    };
    await withContainer(exec, async (container) => void (await container.run({ args: ["x"], tty: true })));
    await withContainer(exec, async (container) => {
      await container.run({ args: ["x"], tty: { rows: 3, columns: 9 } });
    });
    expect(sizes).toEqual([
      [24, 80],
      [3, 9],
    ]);
  });

  it("that could not run, or was lost, is an error", async () => {
    await withContainer(script(started, ["exit", 255, "container x not found"], done), async (container) => {
      await expect(container.run({ args: ["x"] })).rejects.toThrow("could not run: container x not found");
    });
    await withContainer(script(started, ["exit", 255], done), async (container) => {
      expect(await container.run({ args: ["x"] })).toMatchObject({ code: 255 });
    });
    const failing: Exec = async function* (requests) {
      for await (const { ProcessID } of requests) {
        yield say(ProcessID, started);
        throw new ConnectError("the build has ended", Code.Canceled);
      }
    };
    await withContainer(failing, async (container) => {
      const process = await container.start({ args: ["x"] });
      await expect(process.exited).rejects.toMatchObject({ code: "ERR_BUILDKIT_CONTAINER" });
      await expect(process.stdout.toArray()).rejects.toThrow("the build has ended");
    });
  });

  it("that the daemon does not start makes it say why", async () => {
    // As a daemon does: it keeps its error until nothing more can come.
    const refusing: Exec = async function* (requests) {
      for await (const _ of requests);
      yield* [];
      throw new ConnectError("secret x: not found", Code.Unknown);
    };
    await withContainer(refusing, async (container) => {
      const starting = container.start({ args: ["x"], startTimeoutMs: 50 });
      await expect(starting).rejects.toThrow("secret x: not found");
    });
    const silent: Exec = async function* (requests) {
      for await (const _ of requests);
      await sleep(10_000, undefined, { ref: false });
      yield* [];
    };
    await withContainer(silent, async (container) => {
      const signal = AbortSignal.timeout(50);
      await expect(container.start({ args: ["x"], signal })).rejects.toMatchObject({ name: "TimeoutError" });
    });
  });

  it("is refused before anything is sent when its options are wrong", async () => {
    await withContainer(script(), async (container) => {
      const wrong = [{ args: [] }, { args: [""] }, { args: ["x"], env: { "A=B": "" } }];
      for (const options of wrong) {
        await expect(container.start(options)).rejects.toMatchObject({
          code: "ERR_BUILDKIT_INVALID_ARGUMENT",
        });
      }
    });
  });

  it("gets no signal that the daemon would choke on", async () => {
    const signals: string[] = [];
    const exec: Exec = async function* (requests) {
      for await (const { ProcessID, Input } of requests) {
        if (Input.case === "Init") yield say(ProcessID, started);
        if (Input.case === "Signal") {
          signals.push(Input.value.Name);
          if (Input.value.Name === "KILL") {
            yield say(ProcessID, ["exit", 137]);
            yield say(ProcessID, done);
          }
        }
      }
    };
    await withContainer(exec, async (container) => {
      const process = await container.start({ args: ["x"] });
      for (const name of ["SIGNOPE", "9", "", "RTMIN+16"])
        expect(() => process.kill(name)).toThrow("not a signal");
      process.kill();
      process.kill("RTMIN+3");
      process.kill("SIGKILL");
      expect(await process.exited).toMatchObject({ code: 137 });
      process.kill();
    });
    expect(signals).toEqual(["TERM", "RTMIN+3", "KILL"]);
  });
});

describe("a container", () => {
  it("ends with its first process, or with one that fails", async () => {
    await withContainer(script(started, ["exit", 0], done), async (container) => {
      await container.run({ args: ["x"] });
      await expect(container.start({ args: ["y"] })).rejects.toThrow("its first process");
    });
  });

  it("can be closed twice, and not be used after", async () => {
    await withContainer(script(), async (container) => {
      await Promise.all([container.close(), container.close()]);
      await expect(container.start({ args: ["x"] })).rejects.toMatchObject({ code: "ERR_BUILDKIT_CLOSED" });
    });
  });

  it("ends a process that is being started when it is closed", async () => {
    const silent: Exec = async function* (requests) {
      for await (const _ of requests);
      yield* [];
    };
    await withContainer(silent, async (container) => {
      const starting = container.start({ args: ["x"] }).catch((error: unknown) => error);
      await sleep(20);
      await container.close();
      expect(await starting).toMatchObject({ code: "ERR_BUILDKIT_CLOSED" });
    });
  });

  it.each([
    ["exit code: 7", Code.Unknown, true],
    ["context canceled", Code.Canceled, true],
    ["disk on fire", Code.Unknown, false],
  ])("is closed although the daemon reports %j: %i", async (text, code, fine) => {
    const releaseContainer = () => {
      throw new ConnectError(text, code);
    };
    const { thrown } = await build({ bridge: { releaseContainer } }, async (gateway) => {
      await gateway.newContainer({ mounts: [{ target: "/" }] });
      return undefined;
    });
    expect(thrown === undefined).toBe(fine);
  });

  it.each([
    { mounts: [] },
    { mounts: [{ target: "/x" }] },
    { mounts: [{ target: "/" }, { target: "/" }] },
    { mounts: [{ target: "/" }, { target: "x" }] },
    { mounts: [{ target: "/", type: "tmpfs" as const }] },
  ])("is refused with %o", async (options) => {
    const { thrown, calls } = await build({}, (gateway) =>
      gateway.newContainer(options).then(() => undefined),
    );
    expect(thrown).toMatchObject({ code: "ERR_BUILDKIT_INVALID_ARGUMENT", argument: "mounts" });
    expect(calls).toEqual(["Return"]);
  });

  it("reads files from the innermost mount", async () => {
    const asked: [number, string][] = [];
    const readFileContainer: NonNullable<Script["bridge"]>["readFileContainer"] = (request) => {
      asked.push([request.MountIndex, request.FilePath]);
      return { Data: Buffer.from("x") };
    };
    await build({ bridge: { readFileContainer } }, async (gateway) => {
      const container = await gateway.newContainer({
        mounts: [{ target: "/a", type: "tmpfs" }, { target: "/" }, { target: "/a/b/", type: "tmpfs" }],
      });
      for (const path of ["/f", "/a/f", "/ab/f", "/a/b/f", "/a/b"]) await container.readFile(path);
      await expect(container.readFile("f")).rejects.toMatchObject({ argument: "path" });
      return undefined;
    });
    expect(asked).toEqual([
      [1, "/f"],
      [0, "/f"],
      [1, "/ab/f"],
      [2, "/f"],
      [2, "/"],
    ]);
  });
});

describe("debug", () => {
  it("is for the error of a step only", async () => {
    const { thrown } = await build({}, (gateway) => gateway.debug(new Error("x")).then(() => undefined));
    expect(thrown).toMatchObject({ code: "ERR_BUILDKIT_INVALID_ARGUMENT" });
  });
});
