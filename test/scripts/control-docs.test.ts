import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const docs = fileURLToPath(new URL("../../docs", import.meta.url));

/** The rows of all tables of the page, without their heads. */
const rows = readFileSync(path.join(docs, "control.md"), "utf8")
  .split("\n")
  .filter((line) => line.startsWith("| ") && !/^\| (feature|---) /.test(line));

describe("docs/control.md", () => {
  it("has a row for each feature", () => {
    expect(rows.length).toBeGreaterThan(30);
  });

  it.each(rows)("names a test that there is: %s", (row) => {
    const [, title = "", file = ""] = /\[([^[\]]*)\]\((\S+)\) \|$/.exec(row) ?? [];
    const test = path.resolve(docs, file);
    expect(existsSync(test), test).toBe(true);
    expect(readFileSync(test, "utf8")).toContain(JSON.stringify(title));
  });
});
