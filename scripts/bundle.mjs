// Writes what the packages publish beside their declarations: one file for each entry of a package, and one for what its
// entries share or load later. Importing a package loads a few files in place of a hundred. A package with an entry for its
// siblings is that one file, which they and the umbrella load; its index only names what of it is for users.
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const runtime = "@buildkit-node/proto/runtime";
const takenIn = /^(@connectrpc\/connect|multiformats|get-east-asian-width)(\/|$)/;
const packages = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../packages");

const folders = readdirSync(packages, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => path.join(packages, name));
const withInternal = folders.map(manifestOf).filter((manifest) => "./internal" in manifest.exports);
const siblings = new Set(withInternal.map(({ name }) => name));
await Promise.all(folders.map(bundle));

async function bundle(folder) {
  const outdir = path.join(folder, "dist");
  const manifest = manifestOf(folder);
  removeScripts(outdir);
  // What entries share becomes a file more to load: those that every process loads stand alone.
  const chosen = scripts(manifest.imports);
  const hasInternal = siblings.has(manifest.name);
  const alone = [
    ...chosen,
    ...(hasInternal ? ["index", "internal"] : []),
    ...(manifest.name === "@buildkit-node/proto" ? ["runtime"] : []),
  ];
  const together = [...new Set(scripts(manifest.exports))].filter((entry) => !alone.includes(entry));
  const builds = [together, ...alone.map((entry) => [entry])].map((entries) =>
    build({
      entryPoints: Object.fromEntries(
        entries.map((entry) => [entry, path.join(folder, "src", `${entry}.ts`)]),
      ),
      outdir,
      bundle: true,
      splitting: true,
      format: "esm",
      platform: "node",
      target: "es2023",
      // Other packages stay what they are, and so does what a package chooses by the place where it runs.
      external: ["#*", "esbuild"],
      plugins: [
        ...(hasInternal && entries.includes("index") ? [namesFrom("./internal.js")] : []),
        externals({ folder, isRuntime: entries.includes("runtime") }),
      ],
      // For `Headers`, Node would load all of its `fetch`.
      inject: manifest.name === "@buildkit-node/transport" ? [path.join(folder, "src/rpc-headers.ts")] : [],
      // Names stay, so that stack traces can be read, and lines stay short: Node shows the one that threw.
      minifyWhitespace: true,
      minifySyntax: true,
      lineLimit: 120,
      chunkNames: "shared/[name]-[hash]",
      sourcemap: true,
      sourcesContent: false,
      logLevel: "warning",
      metafile: true,
    }),
  );
  const inputs = (await Promise.all(builds)).flatMap(({ metafile }) => Object.keys(metafile.inputs));
  const notices = noticesOf([...new Set(inputs)]);
  if (notices !== "") writeFileSync(path.join(outdir, "NOTICE.txt"), notices);
}

/** What the files of others that were taken in say of their authors and licences, or their packages do, each once. */
function noticesOf(inputs) {
  const foreign = inputs.filter((file) => file.includes("node_modules"));
  const heads = foreign.map((file) => {
    const head = /^(?:\/\/.*\n)+/.exec(readFileSync(file, "utf8"))?.[0] ?? "";
    return head.includes("Copyright") ? head.replace(/^\/\/ ?/gm, "") : licenceOf(file);
  });
  return [...new Set(heads)].join("\n----\n\n");
}

function licenceOf(file) {
  const [folder] = /^.*node_modules\/(@[^/]+\/)?[^/]+/.exec(file);
  const licences = readdirSync(folder).filter((name) => /^licen[cs]e/i.test(name));
  if (licences.length === 0) throw new Error(`${folder} has no licence to be told of`);
  const texts = licences.map((name) => readFileSync(path.join(folder, name), "utf8"));
  return `${path.basename(folder)}\n\n${texts.join("\n")}`;
}

/**
 * Leaves the workspace's packages and most others out of a bundle. Taken in, as far as it is used, is what has many small files:
 * connect, and the generated code. What all of them use of protobuf-es is one file, the entry `runtime` of the package with
 * the generated code.
 */
function externals({ folder, isRuntime }) {
  const fromRuntime = { path: runtime, external: true, sideEffects: false };
  const generated = /^@buildkit-node\/proto\/(?!runtime$)(.*)$/;
  return {
    name: "externals",
    setup: (esbuild) => {
      esbuild.onResolve({ filter: /^[a-z@]/ }, ({ path: wanted, kind }) => {
        if (kind === "entry-point") return undefined;
        if (wanted.startsWith("@bufbuild/")) return isRuntime ? undefined : fromRuntime;
        if (takenIn.test(wanted)) return undefined;
        if (siblings.has(wanted)) return { path: `${wanted}/internal`, external: true };
        const [, part] = generated.exec(wanted) ?? [];
        if (part !== undefined) return { path: path.join(packages, "proto/src", `${part}.ts`) };
        return { path: wanted, external: true };
      });
      // The descriptors of protobuf-es' own messages, too, are made by what the generated code is made with.
      const codegen = /^#codegen$|\/codegenv2\/(file|message|enum|service)\.js$/;
      const made = { path: path.join(folder, "src/codegen/codegen.ts"), sideEffects: false };
      esbuild.onResolve({ filter: codegen }, () => (isRuntime ? made : fromRuntime));
    },
  };
}

/** Makes an index the list of what it exports, from the file that holds it all. */
function namesFrom(whole) {
  const resolved = { path: whole, external: true, sideEffects: false };
  return {
    name: "names",
    setup: (esbuild) => esbuild.onResolve({ filter: /^\.\// }, () => resolved),
  };
}

function manifestOf(folder) {
  return JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8"));
}

/** The scripts that a manifest names, without folder and ending. */
function scripts(value) {
  if (typeof value === "string") return /^\.\/dist\/(.*)\.js$/.exec(value)?.slice(1) ?? [];
  return Object.values(value ?? {}).flatMap(scripts);
}

/** What an earlier build left, which nobody would load or read any more. */
function removeScripts(folder) {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (/^NOTICE\.txt$|\.js(\.map)?$/.test(entry.name)) rmSync(path.join(entry.parentPath, entry.name));
  }
}
