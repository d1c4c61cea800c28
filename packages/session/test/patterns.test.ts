import fs from "node:fs";
import path from "node:path";
import { fileSync, openSession } from "@buildkit-node/session";
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import { receiveWhole } from "./support/packets.ts";
import { type DaemonSession, scriptedDaemon } from "./support/scripted-daemon.ts";
import { tempDir } from "./support/temp-dir.ts";

/** A small tree over a small alphabet, so that patterns made of the same parts meet it often. */
const names = ["a", "b", "ab", "a.b", "é"] as const;

async function makeTree(): Promise<{
  readonly root: string;
  readonly paths: Map<string, "file" | "directory">;
}> {
  const root = await tempDir();
  const paths = new Map<string, "file" | "directory">();
  const fill = (directory: string, depth: number) => {
    for (const [index, name] of names.entries()) {
      const relative = directory === "" ? name : `${directory}/${name}`;
      const isDirectory = depth < 3 && index % 2 === 0;
      paths.set(relative, isDirectory ? "directory" : "file");
      if (!isDirectory) fs.writeFileSync(path.join(root, relative), "");
      else {
        fs.mkdirSync(path.join(root, relative));
        fill(relative, depth + 1);
      }
    }
  };
  fill("", 1);
  return { root, paths };
}

/** The rules read directly and slowly: every way to match a pattern is tried, one character at a time. */
function matches(pattern: string, target: string): boolean {
  const p = [...pattern];
  const t = [...target];
  const literalSuffix = /^\*\*[^*?[\]\\]*$/u.test(pattern);
  if (literalSuffix) return target.endsWith(pattern.slice(2)) || `/${target}` === pattern.slice(2);
  const at = (i: number, j: number): boolean => {
    if (i === p.length) return j === t.length;
    if (p[i] === "*" && p[i + 1] === "*") {
      const next = p[i + 2] === "/" ? i + 3 : i + 2;
      // At the end it takes everything, elsewhere whole components.
      if (next === p.length) return true;
      if (at(next, j)) return true;
      return t.some((character, k) => k >= j && character === "/" && at(next, k + 1));
    }
    if (p[i] === "*") return at(i + 1, j) || (j < t.length && t[j] !== "/" && at(i, j + 1));
    if (j === t.length) return false;
    if (p[i] === "?") return t[j] !== "/" && at(i + 1, j + 1);
    if (p[i] === "[") {
      const end = p.indexOf("]", i);
      const negated = p[i + 1] === "^";
      const members = p.slice(negated ? i + 2 : i + 1, end);
      return members.includes(t[j] ?? "") !== negated && at(end + 1, j + 1);
    }
    return p[i] === t[j] && at(i + 1, j + 1);
  };
  return at(0, 0);
}

interface Rule {
  readonly negated: boolean;
  readonly pattern: string;
}

/** Whether a path is matched by a list: the last rule that matches it or a directory that it is in decides. */
function listed(rules: readonly Rule[], target: string): boolean {
  // A rule that would change nothing is passed over, for the path and with it for what lies below.
  const state = (current: string): { matched: boolean; perRule: boolean[] } => {
    const slash = current.lastIndexOf("/");
    const parent = slash < 0 ? undefined : state(current.slice(0, slash));
    let matched = false;
    const perRule = rules.map(({ negated, pattern }, index) => {
      if (parent?.perRule[index] !== true && (negated !== matched || !matches(pattern, current)))
        return false;
      matched = !negated;
      return true;
    });
    return { matched, perRule };
  };
  return state(target).matched;
}

function expected(
  paths: ReadonlyMap<string, string>,
  include: readonly Rule[] | undefined,
  exclude: readonly Rule[],
): string[] {
  const sent = new Set<string>();
  for (const target of paths.keys()) {
    const included = include === undefined || listed(include, target);
    if (!included || listed(exclude, target)) continue;
    const parts = target.split("/");
    for (let depth = 1; depth <= parts.length; depth++) sent.add(parts.slice(0, depth).join("/"));
  }
  return [...sent].sort();
}

const component = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...names) },
  { weight: 3, arbitrary: fc.constantFrom("*", "**", "?", "a*", "*b", "[ab]", "[^a]", "?b", "**b", "a**") },
);
const rule = fc.record({
  negated: fc.boolean(),
  pattern: fc.array(component, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/")),
});
const rules = fc.array(rule, { minLength: 1, maxLength: 5 });

function lines(list: readonly Rule[]): string[] {
  return list.map(({ negated, pattern }) => encodeURIComponent((negated ? "!" : "") + pattern));
}

async function select(
  daemon: DaemonSession,
  include: readonly Rule[] | undefined,
  exclude: readonly Rule[],
): Promise<string[]> {
  const call = daemon.call("/moby.filesync.v1.FileSync/DiffCopy", {
    "dir-name": "context",
    ...(include === undefined ? {} : { "include-patterns": lines(include), "include-patterns-encoded": "1" }),
    ...(exclude.length === 0 ? {} : { "exclude-patterns": lines(exclude), "exclude-patterns-encoded": "1" }),
  });
  const { entries } = await receiveWhole(call, { wants: () => false });
  return entries.map(({ path }) => path).sort();
}

describe("include and exclude patterns", () => {
  it("select what a direct reading of the rules selects", async () => {
    const { root, paths } = await makeTree();
    const { connection, nextSession } = await scriptedDaemon();
    await using _session = await openSession(connection, {
      attachables: [fileSync({ directories: { context: root } })],
    });
    const daemon = await nextSession();
    await fc.assert(
      fc.asyncProperty(
        fc.option(rules, { nil: undefined }),
        fc.oneof(fc.constant([]), rules),
        async (include, exclude) => {
          expect(await select(daemon, include, exclude)).toEqual(expected(paths, include, exclude));
        },
      ),
      { numRuns: 400 },
    );
  });

  it.each([
    ["a/*/**", ["a", "a/a", "a/a/a", "a/a/a.b"]],
    ["*/*/**", ["a", "a/a", "a/a/a", "a/ab/b", "ab/é/é"]],
    ["a/[ab]/**", ["a", "a/a", "a/a/a", "a/a/b"]],
    ["a/*/*", ["a", "a/a", "a/a/a", "a/a/b"]],
    ["**/a/**", ["a", "a/b", "ab/a/b"]],
    ["a/*/**/b", ["a", "a/a", "a/a/b"]],
  ])("find what lies behind a wildcard: %s", async (pattern, among) => {
    const { root, paths } = await makeTree();
    const { connection, nextSession } = await scriptedDaemon();
    await using _session = await openSession(connection, {
      attachables: [fileSync({ directories: { context: root } })],
    });
    const daemon = await nextSession();
    const wanted = { negated: false, pattern };
    const selected = await select(daemon, [wanted], []);
    expect(selected).toEqual(expected(paths, [wanted], []));
    expect(selected).toEqual(expect.arrayContaining(among));
    // The same among what an ignore file takes back.
    const ignored = [
      { negated: false, pattern: "**" },
      { negated: true, pattern },
    ];
    expect(await select(daemon, undefined, ignored)).toEqual(expected(paths, undefined, ignored));
  });
});

// What moby's patternmatcher makes of them, from its own answers.
describe("rules that are regular expressions to Go", () => {
  const files = [
    ..."1,7-x,[x],^a,a,a-,a b,a{2}b,aab,a|b,b,d7,foobar,x*y,x.js,x?y,xay,zb,é".split(","),
    "x.{js,ts}",
  ].sort();

  async function open(): Promise<DaemonSession> {
    const context = await tempDir();
    for (const file of files) fs.writeFileSync(path.join(context, file), "");
    const { connection, nextSession } = await scriptedDaemon();
    const session = await openSession(connection, { attachables: [fileSync({ directories: { context } })] });
    onTestFinished(() => session.close());
    return nextSession();
  }

  it("match what Go matches", async () => {
    const daemon = await open();
    for (const [pattern, expected] of [
      ["\\d*", ["1", "7-x"]],
      ["?\\d", ["d7"]],
      ["[\\d]*", ["1", "7-x"]],
      ["[[:alpha:]]", ["a", "b"]],
      ["[[:digit:]-]*", ["1", "7-x"]],
      ["[^[:alnum:]]*", ["[x]", "^a", "é"]],
      ["foo\\bar", []],
      ["*\\b[b]", ["a b", "a{2}b", "a|b", "b"]],
      ["*^a", ["a"]],
      ["^?", ["1", "a", "b", "é"]],
      ["\\^a", ["^a"]],
      ["[^a]", ["1", "b", "é"]],
      ["[é]", ["é"]],
      ["a|b*", ["a", "a-", "a b", "a{2}b", "aab", "a|b", "b", "foobar", "zb"]],
      ["a\\|b", ["a|b"]],
      ["a{2}*", ["aab"]],
      ["a{2}b", ["a{2}b"]],
      ["*.{js,ts}", ["x.{js,ts}"]],
      ["x[*]y", []],
      ["x\\*y", ["x*y"]],
      ["[[]x*", ["[x]"]],
      ["\\x61*", ["a", "a-", "a b", "a{2}b", "aab", "a|b"]],
      ["\\W*", ["[x]", "^a", "é"]],
      ["a\\s?", ["a b"]],
      ["*\\za", []],
      ["a*[-b]", ["a-", "a b", "a{2}b", "aab", "a|b"]],
      ["[[:^alpha:]]", ["1", "é"]],
      ["[^[:^alpha:]]", ["a", "b"]],
      ["[[:^alpha:]b]", ["1", "b", "é"]],
      ["**a|b", ["a|b"]],
    ] as const) {
      expect(await select(daemon, [{ negated: false, pattern }], []), pattern).toEqual([...expected].sort());
    }
  });

  it.each([
    ["*\\h", "separated by /"],
    ["\\X41", "separated by /"],
    ["[a-]*", "needs a backslash"],
    ["[]a]*", "needs a backslash"],
    ["[^-a]", "needs a backslash"],
    ["**/[-a]", "needs a backslash"],
    [".[-a]*", "needs a backslash"],
    ["*[[:^no:]]", "[:^no:]"],
    ["\\é", "separated by /"],
    ["[z-a]", "from high to low"],
    ["*[[:no:]]", "[:no:]"],
    ["*{2}*", "repeated"],
    ["?{1001}", "too often"],
    ["?[a", "not closed"],
    ["*\\", "ends with a backslash"],
  ])("are refused as Go refuses them: %s", refused);

  it.each([
    ["*\\pL", "not supported"],
    ["\\Qa\\E", "not supported"],
  ])("are refused although Go knows them: %s", refused);

  async function refused(pattern: string, why: string): Promise<void> {
    const call = (await open()).call("/moby.filesync.v1.FileSync/DiffCopy", {
      "dir-name": "context",
      "exclude-patterns": encodeURIComponent(pattern),
      "exclude-patterns-encoded": "1",
    });
    expect(await call.status).toMatchObject({
      message: expect.stringContaining(`the pattern "${pattern}" cannot be read`),
    });
    expect((await call.status).message).toContain(why);
  }
});
