import { describe, expect, it } from "vitest";
import { decodeDetails } from "../src/internal.ts";

const detail = (type: string, json: unknown) => ({ type, value: Buffer.from(JSON.stringify(json)) });

describe("decodeDetails", () => {
  it("decodes what BuildKit attaches", () => {
    const data = Buffer.from("FROM x\nRUN false\n").toString("base64");
    const decoded = decodeDetails([
      detail("stack.Stack+json", {
        frames: [{ Name: "f", File: "a.go", Line: 3 }],
        cmdline: ["buildkitd"],
        version: "v0.32.2",
        revision: "abc",
      }),
      detail("errdefs.Vertex+json", { digest: "sha256:1" }),
      detail("gatewayapi.ExitMessage+json", { Code: 7 }),
      detail("errdefs.Frontend+json", { name: "dockerfile.v0" }),
      detail("errdefs.Solve+json", { inputIDs: ["a"], op: { exec: {} } }),
      detail("policysession.DecisionResponse+json", {
        action: 2,
        denyMessages: [{ message: "not this image" }],
      }),
      detail("errdefs.Source+json", {
        info: { filename: "Dockerfile", language: "Dockerfile", data },
        ranges: [{ start: { line: 2 }, end: { line: 2, character: 9 } }],
      }),
    ]);
    expect(decoded).toMatchObject({
      vertex: "sha256:1",
      exitCode: 7,
      frontend: "dockerfile.v0",
      op: { inputIDs: ["a"] },
      denied: ["not this image"],
      daemonStacks: [
        { frames: [{ name: "f", file: "a.go", line: 3 }], command: ["buildkitd"], version: "v0.32.2" },
      ],
      sources: [
        {
          filename: "Dockerfile",
          ranges: [{ start: { line: 2, character: 0 }, end: { line: 2, character: 9 } }],
        },
      ],
    });
    expect(Buffer.from(decoded.sources[0]!.data).toString()).toBe("FROM x\nRUN false\n");
  });

  it("keeps the inner source before the outer", () => {
    const source = (filename: string) => detail("errdefs.Source+json", { info: { filename } });
    const { sources } = decodeDetails([source("inner"), source("outer")]);
    expect(sources.map(({ filename }) => filename)).toEqual(["inner", "outer"]);
  });

  it("passes over what it does not know or cannot read", () => {
    const decoded = decodeDetails([
      detail("something.Else+json", { digest: "x" }),
      { type: "errdefs.Vertex+json", value: Buffer.from("{ not json") },
      detail("errdefs.Source+json", null),
      detail("errdefs.Source+json", { info: { filename: 3 }, ranges: "none" }),
      detail("stack.Stack+json", { frames: "no", cmdline: 4 }),
    ]);
    expect(decoded).toEqual({
      sources: [],
      denied: [],
      daemonStacks: [{ frames: [], command: [], version: "", revision: "" }],
    });
  });
});
