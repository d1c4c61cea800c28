// Compiles the TypeScript in the documentation. What a passage does not declare itself is the library's, or one of the names
// that the text around it speaks of.
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import * as library from "buildkit-node";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const folder = path.join(root, "test", "out", "docs");

const spokenOf: Readonly<Record<string, string>> = {
  client: 'import("buildkit-node").Client',
  state: 'import("@buildkit-node/llb").State',
  graph: 'import("@buildkit-node/llb").State',
  app: 'import("@buildkit-node/llb").State',
  tool: 'import("@buildkit-node/llb").State',
  locals: "Record<string, string>",
  copy: 'typeof import("@buildkit-node/llb").copy',
  frontend: 'import("@buildkit-node/gateway").BuildFunction',
  fetchApp: "() => Promise<Uint8Array>",
  openPipeSomehow: '(signal?: AbortSignal) => Promise<import("node:stream").Duplex>',
};

const relaxed = {
  noUnusedLocals: false,
  noUnusedParameters: false,
  noPropertyAccessFromIndexSignature: false,
};
const project = {
  extends: "../../../tsconfig.test.json",
  compilerOptions: { ...relaxed, moduleDetection: "force", rootDir: "../../.." },
  include: ["*.ts"],
  exclude: [],
};

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const passages = pages().flatMap(passagesOf);
for (const { name, text } of passages) writeFileSync(path.join(folder, name), text);
writeFileSync(path.join(folder, "names.d.ts"), names());
writeFileSync(path.join(folder, "tsconfig.json"), JSON.stringify(project));
const { error, status } = spawnSync("tsc", ["-p", folder], { cwd: root, stdio: "inherit" });
if (error) throw error;
if (status === 0) console.log(`${passages.length} passages of the documentation compile`);
process.exitCode = status ?? 1;

function pages(): readonly string[] {
  const docs = readdirSync(path.join(root, "docs")).filter((name) => name.endsWith(".md"));
  const packages = readdirSync(path.join(root, "packages"), { withFileTypes: true }).filter((one) =>
    one.isDirectory(),
  );
  return [
    "README.md",
    ...docs.map((name) => `docs/${name}`),
    ...packages.map(({ name }) => `packages/${name}/README.md`),
  ];
}

/** Each is a module of its own, on the lines that it has in its page. */
function passagesOf(page: string): readonly { readonly name: string; readonly text: string }[] {
  const markdown = readFileSync(path.join(root, page), "utf8");
  return [...markdown.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(({ index, 1: code = "" }) => {
    const line = markdown.slice(0, index).split("\n").length;
    return { name: `${page.replaceAll("/", ".")}.${line}.ts`, text: `${"\n".repeat(line)}${code}` };
  });
}

function names(): string {
  const own = Object.keys(library).map((name): [string, string] => [
    name,
    `typeof import("buildkit-node").${name}`,
  ]);
  const all = Object.entries({ ...Object.fromEntries(own), ...spokenOf });
  return `declare global {\n${all.map(([name, type]) => `  const ${name}: ${type};`).join("\n")}\n}\nexport {};\n`;
}
