// Writes what the packages publish beside their declarations: one file for each entry of a package, and one for each part
// that it loads when that is first used. Importing a package loads a few files in place of a hundred. A package with an entry
// for its siblings is that one file, which they and the umbrella load; its index only names what of it is for users.
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const fromRuntime = external("@buildkit-node/proto/runtime");
const takenIn = /^(@connectrpc\/connect|multiformats|get-east-asian-width)(\/|$)/;
/** The entries that hold protobuf-es itself. */
const runtimes = ["runtime", "json"];
const writtenAlone = { "@buildkit-node/progress": ["display"], "@buildkit-node/proto": runtimes };
const packages = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../packages");

const folders = readdirSync(packages, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => path.join(packages, name));
const withInternal = folders.map(manifestOf).filter((manifest) => "./internal" in manifest.exports);
const siblings = new Set(withInternal.map(({ name }) => name));
for (const folder of folders) await bundlePackage(folder);

async function bundlePackage(folder) {
  const dist = path.join(folder, "dist");
  const manifest = manifestOf(folder);
  removeScripts(dist);
  const modules = new Set();
  for (const job of jobsOf(manifest)) {
    for (const id of await bundleEntries({ folder, dist, manifest, ...job })) modules.add(id);
  }
  const notices = noticesOf([...modules]);
  if (notices !== "") writeFileSync(path.join(dist, "NOTICE.txt"), notices);
}

/**
 * Which entries of a package are written together. What these share becomes a file more to load: those that every process loads
 * are written alone, and so are those of which Node has its own file.
 */
function jobsOf(manifest) {
  const entries = Object.values(manifest.exports).filter((one) => typeof one === "object");
  const alone = new Set(writtenAlone[manifest.name]);
  if (siblings.has(manifest.name)) for (const name of ["index", "internal"]) alone.add(name);
  const together = new Map();
  const jobs = [];
  for (const { node, default: file } of entries) {
    const name = script(file);
    if (node !== undefined) {
      jobs.push({ entries: new Map([[script(node), name]]), platform: "node" });
      jobs.push({ entries: new Map([[name, name]]), platform: "neutral" });
    } else if (alone.has(name)) {
      jobs.push({ entries: new Map([[name, name]]), platform: "node" });
    } else {
      together.set(name, name);
    }
  }
  return together.size === 0 ? jobs : [...jobs, { entries: together, platform: "node" }];
}

/**
 * Writes entries of a package, and answers which files went into them.
 *
 * @param entries the names of their sources, by those of what is written
 */
async function bundleEntries({ folder, dist, manifest, entries, platform }) {
  const namesOnly = siblings.has(manifest.name) && entries.has("index");
  const bundle = await rolldown({
    input: Object.fromEntries([...entries].map(([to, from]) => [to, path.join(folder, "src", `${from}.ts`)])),
    platform,
    // What an entry and the parts that it loads later have in common is in the entry's own file.
    preserveEntrySignatures: "allow-extension",
    plugins: [
      ...(namesOnly ? [namesFrom("./internal.js")] : []),
      externals({ folder, manifest, platform, isRuntime: runtimes.some((name) => entries.has(name)) }),
    ],
    transform: { target: "es2023" },
    // By their manifests no package here has any.
    treeshake: { moduleSideEffects: false },
  });
  const { output } = await bundle.write({
    dir: dist,
    format: "esm",
    chunkFileNames: "shared/[name]-[hash].js",
    sourcemap: true,
    sourcemapExcludeSources: true,
    // They are in the declarations; the code itself stays as it is, so that stack traces can be read.
    comments: false,
  });
  await bundle.close();
  return output.flatMap((chunk) => (chunk.type === "chunk" ? chunk.moduleIds : []));
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
function externals({ folder, manifest, platform, isRuntime }) {
  const generated = /^@buildkit-node\/proto\/(.*)$/;
  // The descriptors of protobuf-es' own messages, too, are made by what the generated code is made with.
  const codegen = /^#codegen$|\/codegenv2\/(file|message|enum|service)\.js$/;
  return {
    name: "externals",
    resolveId(wanted, importer) {
      if (importer === undefined) return undefined;
      if (codegen.test(wanted)) return isRuntime ? path.join(folder, "src/codegen/codegen.ts") : fromRuntime;
      const chosen = manifest.imports?.[wanted];
      if (chosen !== undefined) return path.join(folder, chosen[platform] ?? chosen.default);
      if (!/^[a-z@]/.test(wanted)) return undefined;
      if (wanted.startsWith("@bufbuild/")) return isRuntime ? undefined : fromRuntime;
      if (takenIn.test(wanted)) return undefined;
      if (siblings.has(wanted)) return external(`${wanted}/internal`);
      const [, part] = generated.exec(wanted) ?? [];
      if (part !== undefined && !runtimes.includes(part))
        return path.join(packages, "proto/src", `${part}.ts`);
      return external(wanted);
    },
  };
}

/** Imported where something of it is used, and only there. */
function external(id) {
  return { id, external: true, moduleSideEffects: false };
}

/** Makes an index the list of what it exports, from the file that holds it all. */
function namesFrom(whole) {
  return {
    name: "names",
    resolveId: (wanted) => (wanted.startsWith("./") ? external(whole) : undefined),
  };
}

function manifestOf(folder) {
  return JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8"));
}

/** The name of a script without folder and ending. */
function script(file) {
  return /^\.\/dist\/(.*)\.js$/.exec(file)[1];
}

/** What an earlier build left, which nobody would load or read any more. */
function removeScripts(folder) {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (/^NOTICE\.txt$|\.js(\.map)?$/.test(entry.name)) rmSync(path.join(entry.parentPath, entry.name));
  }
}
