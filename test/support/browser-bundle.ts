import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** What a bundle for browsers is made of. */
export interface BrowserBundle {
  /** A classic script. */
  readonly script: string;
  readonly bytes: number;
  /** The files that it was made from, below the clone's root. */
  readonly inputs: readonly string[];
}

/** Bundles a program for browsers, from the sources of the packages; fails if it needs a module of Node. */
export async function bundleForBrowser(
  program: string,
  options: { readonly minify?: boolean } = {},
): Promise<BrowserBundle> {
  const result = await build({
    stdin: { contents: program, loader: "ts", resolveDir: fileURLToPath(new URL("../..", import.meta.url)) },
    bundle: true,
    write: false,
    metafile: true,
    platform: "browser",
    format: "iife",
    target: "es2023",
    conditions: ["@buildkit-node/source"],
    minify: options.minify ?? false,
    logLevel: "silent",
  });
  const [file] = result.outputFiles;
  if (file === undefined) throw new Error("esbuild gave no file");
  return { script: file.text, bytes: file.contents.length, inputs: Object.keys(result.metafile.inputs) };
}

/** Builds a graph with every kind of op, and says its digest. The same text runs in Node and in a browser. */
export const graphProgram = `
import * as llb from "@buildkit-node/llb";
const source = llb.local("context", { exclude: ["é", "😀"] });
const built = llb.image("alpine").env("A", "1").exec(["sh", "-c", "echo 日本語"], {
  mounts: [llb.bind("/out", llb.scratch()), llb.cache("/c"), llb.secret("s", { env: "S" }), llb.ssh(), llb.tmpfs("/t")],
});
const files = llb.image("busybox").file([llb.mkdir("/d"), llb.copy(source, ".", "/d"), llb.mkfile("/f", "hi")]);
const state = llb.merge([files, llb.diff(files, files.run(["x"])), built.mounts["/out"]]).requires({ id: "g", after: [built.root] });
const definition = llb.marshal(state.build(), { platform: "linux/arm64", localUniqueId: "u" });
const again = llb.fromJSON(JSON.stringify(llb.toJSON(llb.Definition.fromBytes(definition.toBytes()))));
globalThis.graphDigest = again.digest === definition.digest ? definition.digest : "differs";
`;
