import { display, formatStatusLine, parseStatusLine, readRecording } from "@buildkit-node/progress";
import { describe, expect, test } from "vitest";
import { capture, RECORDINGS, recorded, recordingStream } from "./support/recordings.ts";

/** What both hold: moments have more digits in recordings, and a warning's source its definition. */
function comparable(line: string): unknown {
  const json = line.replace(/\d{4}-\d\d-\d\dT[0-9:.]+Z/g, "time");
  return JSON.parse(json, (key, value) => (key === "definition" ? undefined : value));
}

describe("rawjson", () => {
  test.each(RECORDINGS)("%s: lines are what BuildKit's own tool wrote", async (name) => {
    const stream = capture();
    const sink = display("rawjson", { stream }).attach({ ref: "r" });
    for (const update of await recorded(name)) await sink.update(update);
    await sink.end({});

    const ours = stream.text().trimEnd().split("\n");
    let original = "";
    for await (const chunk of recordingStream(name)) original += chunk;
    expect(ours.map(comparable)).toEqual(original.trimEnd().split("\n").map(comparable));
    expect(ours.map(parseStatusLine)).toEqual(await recorded(name));
  });

  test("writes what the Go client writes for every field", () => {
    const line = formatStatusLine({
      vertices: [
        {
          digest: "sha256:1",
          inputs: ["sha256:0"],
          name: "<a> & b",
          started: 1_700_000_000_000,
          completed: 1_700_000_000_123.5,
          cached: true,
          error: "no",
          progressGroup: { id: "g", name: "group", weak: true },
        },
      ],
      statuses: [
        { id: "", vertex: "sha256:1", name: "", current: 0, total: 0, timestamp: 1_700_000_000_000.25 },
      ],
      logs: [{ vertex: "sha256:1", stream: "stderr", data: Buffer.from("hi\n"), timestamp: 0 }],
      warnings: [
        {
          vertex: "sha256:1",
          level: 1,
          short: "short",
          detail: ["detail"],
          url: "https://example.com/",
          source: { filename: "Dockerfile", language: "Dockerfile", data: Buffer.from("FROM x") },
          ranges: [{ start: { line: 1, character: 0 }, end: { line: 1, character: 0 } }],
        },
      ],
    });
    expect(line).toBe(
      '{"vertexes":[{"digest":"sha256:1","inputs":["sha256:0"],"name":"\\u003ca\\u003e \\u0026 b",' +
        '"started":"2023-11-14T22:13:20Z","completed":"2023-11-14T22:13:20.1235Z","cached":true,"error":"no",' +
        '"progressGroup":{"id":"g","name":"group","weak":true}}],' +
        '"statuses":[{"id":"","vertex":"sha256:1","current":0,"timestamp":"2023-11-14T22:13:20.00025Z"}],' +
        '"logs":[{"vertex":"sha256:1","stream":2,"data":"aGkK","timestamp":"1970-01-01T00:00:00Z"}],' +
        '"warnings":[{"vertex":"sha256:1","level":1,"short":"c2hvcnQ=","detail":["ZGV0YWls"],' +
        '"url":"https://example.com/","sourceInfo":{"filename":"Dockerfile","data":"RlJPTSB4","language":"Dockerfile"},' +
        '"range":[{"start":{"line":1},"end":{"line":1}}]}]}',
    );
  });

  test.each(["", "no json", "3", "null", "[]"])("does not take %j for an update", (line) => {
    expect(() => parseStatusLine(line)).toThrow(
      expect.objectContaining({ code: "ERR_BUILDKIT_INVALID_ARGUMENT" }),
    );
  });

  test("takes fields of the wrong type for empty ones", () => {
    const update = parseStatusLine(
      '{"vertexes":[7,{"digest":1,"started":"yesterday"}],"logs":{},"statuses":[{}]}',
    );
    expect(update.vertices).toEqual([{ digest: "", inputs: [], name: "", cached: false }]);
    expect(update.logs).toEqual([]);
    expect(update.statuses).toEqual([{ id: "", vertex: "", name: "", current: 0, total: 0, timestamp: 0 }]);
  });

  test("a recording may be cut into chunks anywhere", async () => {
    const bytes = Buffer.from(
      `${formatStatusLine(nameOnly("日本語 🚀"))}\n\n${formatStatusLine(nameOnly("b"))}`,
    );
    const updates = [];
    for await (const update of readRecording(Array.from(bytes, (byte) => Uint8Array.of(byte))))
      updates.push(update);
    expect(updates).toEqual([nameOnly("日本語 🚀"), nameOnly("b")]);
  });
});

function nameOnly(name: string) {
  return {
    vertices: [{ digest: "d", inputs: [], name, cached: false }],
    statuses: [],
    logs: [],
    warnings: [],
  };
}
