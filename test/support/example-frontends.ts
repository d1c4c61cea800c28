import { copyFile, mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { BuildFunction } from "@buildkit-node/gateway";
import { frontend as nodeApp } from "../../examples/node-app-frontend/frontend.ts";
import { frontend as yaml } from "../../examples/yaml-frontend/frontend.ts";
import { provideSets } from "../../scripts/debian/provide.ts";

/** One of the example frontends, with something to build for it. */
export interface ExampleFrontend {
  readonly name: string;
  readonly frontend: BuildFunction;
  /** The file that its image runs. */
  readonly entry: string;
  /** Its input file. */
  readonly filename: string;
  /** @param syntax the frontend's image, for the line that names it */
  input(kind: "good" | "bad", syntax?: string): string;
  /** Files of the result of the good input with the build arg `WORD=bye`. */
  readonly expected: Readonly<Record<string, string>>;
  /** What is wrong with the bad input, and the line of it that says so, without a line for the syntax. */
  readonly problem: { readonly text: string; readonly line: number; readonly excerpt: string };
}

const entryOf = (name: string) => fileURLToPath(new URL(`../../examples/${name}/main.ts`, import.meta.url));

const yamlInput = {
  good: `
args: { WORD: hello }
targets:
  app:
    from: rootfs
    steps:
      - run: echo \${WORD} >/word
      - copy: data.txt
        to: /data/
`,
  bad: `
args: { WORD: hello }
targets:
  app:
    from: rootfs
    stepz: []
`,
};

export const exampleFrontends: readonly ExampleFrontend[] = [
  {
    name: "yaml-frontend",
    frontend: yaml,
    entry: entryOf("yaml-frontend"),
    filename: "Dockerfile",
    input: (kind, syntax) => `${syntax === undefined ? "" : `# syntax=${syntax}\n`}${yamlInput[kind]}`,
    expected: { word: "bye\n", "data/data.txt": "data" },
    problem: { text: 'unknown key "stepz"', line: 6, excerpt: "stepz: []" },
  },
  {
    name: "node-app-frontend",
    frontend: nodeApp,
    entry: entryOf("node-app-frontend"),
    filename: "package.json",
    input: (kind, syntax) =>
      `${JSON.stringify(
        {
          ...(syntax !== undefined && { syntax }),
          name: "app",
          scripts: { build: "made by npm" },
          container: { image: "rootfs", ...(kind === "bad" && { port: "http" }) },
        },
        undefined,
        2,
      )}\n`,
    expected: { "app/data.txt": "data", "app/built": "run build\n" },
    problem: { text: 'the port "http" is not a number', line: 8, excerpt: '"port": "http"' },
  },
];

/** A context with the input, and beside it a root file system: a static busybox, and what takes the place of npm. */
export async function writeExample(
  folder: string,
  { filename }: ExampleFrontend,
  input: string,
): Promise<{ readonly context: string; readonly rootfs: string }> {
  const [context, rootfs] = [path.join(folder, "context"), path.join(folder, "rootfs")];
  await mkdir(context, { recursive: true });
  await writeFile(path.join(context, filename), input);
  await writeFile(path.join(context, "data.txt"), "data");
  await mkdir(path.join(rootfs, "bin"), { recursive: true });
  const { busybox } = await provideSets("busybox");
  await copyFile(path.join(busybox.root, "bin", "busybox"), path.join(rootfs, "bin", "sh"));
  await writeFile(path.join(rootfs, "bin", "npm"), '#!/bin/sh\necho "$@" >built\n', { mode: 0o755 });
  return { context, rootfs };
}
