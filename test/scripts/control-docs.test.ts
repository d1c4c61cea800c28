import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { BuildHistory, Client, DaemonContent, SharedSession } from "@buildkit-node/control";
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

  it.each([
    { name: "client", methods: methodsOf(Client) },
    { name: "history", methods: methodsOf(BuildHistory) },
    { name: "content", methods: methodsOf(DaemonContent) },
    { name: "session", methods: methodsOf(SharedSession) },
  ])("has each method of $name", ({ name, methods }) => {
    const text = rows.join("\n");
    expect(methods.length).toBeGreaterThan(0);
    expect(methods.filter((method) => !text.includes(`${name}.${method}(`))).toEqual([]);
  });

  it("has each field of a build's request", () => {
    const text = rows.join("\n");
    const fields =
      "locals exports platform ref frontendAttrs cacheFrom cacheTo entitlements sourceRules sourcePolicy";
    const others =
      "sessionExporters internal compatibilityVersion proxyNetwork session inputs frontend signal";
    expect([...fields.split(" "), ...others.split(" ")].filter((name) => !text.includes(name))).toEqual([]);
  });

  it.each(rows)("names the release since which that is so: %s", (row) => {
    const [, , , release = ""] = row.split(" | ").length > 3 ? ["", ...row.split(" | ")] : [];
    expect(release).toMatch(/\b0\.\d+\b/);
  });

  it.each(rows)("names a test that there is: %s", (row) => {
    const [, title = "", file = ""] = /\[([^[\]]*)\]\((\S+)\) \|$/.exec(row) ?? [];
    const test = path.resolve(docs, file);
    expect(existsSync(test), test).toBe(true);
    expect(readFileSync(test, "utf8")).toContain(JSON.stringify(title));
  });
});

/** The names of a class's public methods. */
function methodsOf({ prototype }: { readonly prototype: object }): readonly string[] {
  const internal = ["constructor", "plan", "hold"];
  return Object.entries(Object.getOwnPropertyDescriptors(prototype))
    .filter(([name, { value }]) => typeof value === "function" && !internal.includes(name))
    .map(([name]) => name);
}
