import { InvalidArgumentError } from "@buildkit-node/core";
import { image, mkfile, type State } from "@buildkit-node/llb";
import type { Image, Platform } from "@buildkit-node/oci";
import { frontendCaps } from "../define-frontend.ts";
import { type BundleOptions, bundleFrontend } from "./bundle-frontend.ts";
import { hostPrograms } from "./host-programs.ts";

export interface FrontendImageOptions extends BundleOptions {
  /** The file that runs the frontend, to be bundled: it calls `runFrontend`. */
  readonly entry?: string;
  /** In place of `entry`: the ES module that runs the frontend, with all that it imports. */
  readonly bundle?: string | Uint8Array;
  /**
   * What runs it: an image with Node such as `docker.io/library/node:22-alpine`, or `host` for the Node of this process
   * with the libraries that it links to (Linux), which needs no registry and is for this machine's platform alone.
   */
  readonly runtime: "host" | { readonly image: string };
  /** Of the image with Node. Default: the build's. */
  readonly platform?: Platform | string;
  /** Whether its processes have a network. Default: false; a frontend talks to the daemon over a pipe. */
  readonly network?: boolean;
  readonly labels?: Readonly<Record<string, string>>;
}

/** A frontend's image, to be solved with any exporter or given to a build as an input. */
export interface FrontendImage {
  /** The files; the image's config is part of the state, so that an exporter finds it there. */
  readonly state: State;
  /** Local sources that the state reads: give them to the build. */
  readonly locals: Readonly<Record<string, string>>;
}

const programPath = "/frontend.mjs";

/**
 * An image that runs a frontend by Node: for `# syntax=` lines and for `gateway.v0`.
 *
 * @throws {InvalidArgumentError} unless there is either an entry or a bundle
 */
export async function frontendImage(options: FrontendImageOptions): Promise<FrontendImage> {
  const program = await programOf(options);
  const { state, locals, node } = await runtimeOf(options);
  const labels = {
    "moby.buildkit.frontend.caps": frontendCaps.join(","),
    ...(options.network !== true && { "moby.buildkit.frontend.network.none": "true" }),
    ...options.labels,
  };
  const config: Image = {
    ...platformFields(options),
    config: { Entrypoint: [node, programPath], WorkingDir: "/", Labels: labels },
  };
  const files = state.file(mkfile(programPath, program, { mode: 0o644 }), { name: "add the frontend" });
  return { state: files.imageConfig(config), locals };
}

/** The module that runs a frontend. @throws {InvalidArgumentError} unless there is either an entry or a bundle */
export async function programOf({
  entry,
  bundle,
  ...options
}: Omit<FrontendImageOptions, "platform">): Promise<string | Uint8Array> {
  if ((entry === undefined) === (bundle === undefined)) {
    throw new InvalidArgumentError("entry", entry, "a frontend image needs either an entry or a bundle");
  }
  return bundle ?? bundleFrontend(entry ?? "", options);
}

async function runtimeOf({ runtime, platform }: FrontendImageOptions) {
  if (runtime === "host") return { ...(await hostPrograms([process.execPath])), node: process.execPath };
  const state = image(runtime.image, {
    resolve: "config",
    ...(platform !== undefined && { platform }),
  });
  return { state, locals: {}, node: "node" };
}

/** Go's words for what Node calls them. */
const architectures: Readonly<Record<string, string>> = {
  x64: "amd64",
  arm64: "arm64",
  arm: "arm",
  ia32: "386",
  ppc64: "ppc64le",
  riscv64: "riscv64",
  s390x: "s390x",
};

function platformFields({ runtime }: FrontendImageOptions): Pick<Image, "os" | "architecture"> {
  if (runtime !== "host") return {};
  return { os: "linux", architecture: architectures[process.arch] ?? process.arch };
}
