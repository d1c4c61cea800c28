import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** What the snippets of a page may use without saying where they have it from. */
const ambient = `
import type { Frontend } from "@buildkit-node/frontend";
import type { BuildLostError as Lost, Client, llb as LLB, local as Local } from "buildkit-node";
declare global {
  const client: Client;
  const graph: LLB.State;
  const frontend: Frontend;
  const state: LLB.State;
  const local: typeof Local;
  const BuildLostError: typeof Lost;
  const locals: Readonly<Record<string, string>>;
}
`;

const config = {
  extends: path.join(root, "tsconfig.test.json"),
  compilerOptions: {
    rootDir: root,
    noUnusedLocals: false,
    types: ["node"],
    typeRoots: [path.join(root, "node_modules/@types")],
  },
  include: ["*.ts"],
  exclude: [],
};

it("the snippets of the pages compile", async () => {
  const cache = path.join(root, ".cache");
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(path.join(cache, "snippets-"));
  try {
    const pages = ["control.md", "gateway.md", "frontends.md"];
    for (const page of pages) {
      const text = await readFile(path.join(root, "docs", page), "utf8");
      const snippets = [...text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code]) => code);
      expect(snippets.length, page).toBeGreaterThan(0);
      for (const [index, code] of snippets.entries()) {
        await writeFile(path.join(folder, `${page}-${index}.ts`), `${code}\nexport {};\n`);
      }
    }
    await writeFile(path.join(folder, "ambient.ts"), ambient);
    await writeFile(path.join(folder, "tsconfig.json"), JSON.stringify(config));
    expect((await readdir(folder)).length).toBeGreaterThan(10);
    const tsc = path.join(root, "node_modules/.bin/tsc");
    const { stdout } = await promisify(execFile)(tsc, ["-p", folder, "--pretty", "false"]).catch(
      (error) => error,
    );
    expect(stdout).toBe("");
  } finally {
    await rm(folder, { recursive: true });
  }
}, 120_000);
