import path from "node:path";
import { fileURLToPath } from "node:url";
import { BuildkitError } from "@buildkit-node/core";

export interface BundleOptions {
  /** Conditions of `exports` that the bundler matches besides its own. */
  readonly conditions?: readonly string[];
  /** The oldest Node that runs the bundle. Default: `node20`. */
  readonly target?: string;
}

/** CommonJS modules in an ES module bundle look for `require`. */
const banner =
  'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);';

/**
 * Puts a frontend's entry file and all that it imports into one ES module, by esbuild, which the caller's project has to
 * have. Whoever has another bundler gives `frontendImage` its output.
 *
 * @throws {BuildkitError} without esbuild, and when the file cannot be bundled
 */
export async function bundleFrontend(entry: string, options: BundleOptions = {}): Promise<Uint8Array> {
  const { conditions = [], target = "node20" } = options;
  const { build } = await import("esbuild").catch((cause: unknown) => {
    const advice = "install esbuild, or bundle it yourself and give `bundle`";
    throw new BuildkitError("ERR_BUILDKIT_FRONTEND", `cannot bundle ${entry}: ${advice}`, { cause });
  });
  try {
    const { outputFiles } = await build({
      stdin: { contents: starter(entry), resolveDir: path.dirname(fileURLToPath(import.meta.url)) },
      bundle: true,
      write: false,
      platform: "node",
      format: "esm",
      target,
      minify: true,
      legalComments: "none",
      keepNames: true,
      logLevel: "silent",
      banner: { js: banner },
      conditions: [...conditions],
    });
    const [output] = outputFiles;
    if (output === undefined) throw new Error("the bundler gave no output");
    return output.contents;
  } catch (cause) {
    throw new BuildkitError("ERR_BUILDKIT_FRONTEND", `cannot bundle ${entry}`, { cause });
  }
}

/** Loads the entry file; what fails before it runs its frontend is told to whoever builds, as nobody sees this process. */
function starter(entry: string): string {
  return `
    import { runFrontend } from "@buildkit-node/frontend";
    try {
      await import(${JSON.stringify(path.resolve(entry))});
    } catch (error) {
      await runFrontend(() => Promise.reject(error));
    }
  `;
}
