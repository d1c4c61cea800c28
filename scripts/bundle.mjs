// Writes what the packages publish beside their declarations: one file for each entry of a package, and one for what its
// entries share or load later. Importing a package loads a few files in place of a hundred.
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const runtime = "@buildkit-node/proto/runtime";
const packages = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../packages");

const folders = readdirSync(packages, { withFileTypes: true }).filter((entry) => entry.isDirectory());
await Promise.all(folders.map(({ name }) => bundle(path.join(packages, name))));

async function bundle(folder) {
  const outdir = path.join(folder, "dist");
  const manifest = JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8"));
  const entries = [...new Set(scripts([manifest.exports, manifest.imports]))];
  removeScripts(outdir);
  const { metafile } = await build({
    entryPoints: Object.fromEntries(entries.map((entry) => [entry, path.join(folder, "src", `${entry}.ts`)])),
    outdir,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "es2023",
    // Other packages stay what they are, and so does what a package chooses by the place where it runs.
    external: ["#*", "esbuild"],
    plugins: [externals(manifest.name)],
    chunkNames: "shared/[name]-[hash]",
    sourcemap: true,
    sourcesContent: false,
    logLevel: "warning",
    metafile: true,
  });
  const notices = noticesOf(Object.keys(metafile.inputs));
  if (notices !== "") writeFileSync(path.join(outdir, "NOTICE.txt"), notices);
}

/** What the files of others that were taken in say of their authors and licences, each once. */
function noticesOf(inputs) {
  const foreign = inputs.filter((file) => file.includes("node_modules"));
  const heads = foreign.map((file) => /^(?:\/\/.*\n)+/.exec(readFileSync(file, "utf8"))?.[0] ?? "");
  const notices = [...new Set(heads)].filter((head) => head.includes("Copyright"));
  return notices.map((notice) => notice.replace(/^\/\/ ?/gm, "")).join("\n----\n\n");
}

/**
 * Leaves every package out of the bundle but two. Connect goes in as far as it is used. Of protobuf-es, the package with the
 * generated code takes in what all of them use, and they have it from there; its writer, which needs nothing else, goes
 * where it is used.
 */
function externals(name) {
  const isRuntime = /^@bufbuild\/protobuf(\/wkt)?$/;
  const isTakenIn = /^@(bufbuild\/protobuf|connectrpc\/connect)/;
  const hasRuntime = name === "@buildkit-node/proto";
  return {
    name: "externals",
    setup: (esbuild) => {
      esbuild.onResolve({ filter: /^[a-z@]/ }, ({ path: wanted, kind }) => {
        if (kind === "entry-point") return undefined;
        if (!isTakenIn.test(wanted)) return { path: wanted, external: true };
        if (isRuntime.test(wanted) && !hasRuntime)
          return { path: runtime, external: true, sideEffects: false };
        return undefined;
      });
    },
  };
}

/** The scripts that a manifest names, without folder and ending. */
function scripts(value) {
  if (typeof value === "string") return /^\.\/dist\/(.*)\.js$/.exec(value)?.slice(1) ?? [];
  return Object.values(value ?? {}).flatMap(scripts);
}

/** What an earlier build left, which nobody would load any more. */
function removeScripts(folder) {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (/\.js(\.map)?$/.test(entry.name)) rmSync(path.join(entry.parentPath, entry.name));
  }
}
