// Builds a Node application from its package.json alone. A layer each for dependencies and for the application; what only
// building needs stays out of the image.
import { defineFrontend, type FrontendRequest } from "@buildkit-node/frontend";
import { cache, copy, imageConfigOf, type State } from "@buildkit-node/llb";
import type { Image, Platform } from "@buildkit-node/oci";
import { type PackageFile, type PackageManager, readPackage } from "./package-file.ts";

/** What can be asked for with `--target`. */
const targets = {
  prod: "the application, to run",
  build: "everything, with development dependencies and after the build script",
  test: "the build, after the test script",
} as const;

type TargetName = keyof typeof targets;

export const frontend = defineFrontend(
  async (_gateway, request) => {
    const pack = readPackage(await request.source());
    const target = targetOf(request);
    return request.build(async (platform) => {
      const stages = await stagesFor(pack, request, platform);
      return { ref: stages[target], config: configOf(stages[target], pack) };
    });
  },
  {
    filename: "package.json",
    language: "JSON",
    targets: () =>
      Object.entries(targets).map(([name, description]) => ({ name, description, default: name === "prod" })),
    outline: async (_gateway, request) => ({
      name: targetOf(request),
      description: targets[targetOf(request)],
      args: [{ name: "NODE_ENV", value: request.args["NODE_ENV"] ?? "production" }],
      cache: [{ id: cacheOf(readPackage(await request.source()).manager) }],
    }),
  },
);

const directory = "/app";

const managers: Readonly<
  Record<
    PackageManager,
    { readonly lock: string; readonly install: string; readonly production: string; readonly cache: string }
  >
> = {
  npm: { lock: "package-lock.json", install: "npm ci", production: "npm ci --omit=dev", cache: "/root/.npm" },
  pnpm: {
    lock: "pnpm-lock.yaml",
    install: "corepack pnpm install --frozen-lockfile",
    production: "corepack pnpm install --frozen-lockfile --prod",
    cache: "/root/.local/share/pnpm/store",
  },
  yarn: {
    lock: "yarn.lock",
    install: "corepack yarn install --immutable",
    production: "corepack yarn workspaces focus --all --production",
    cache: "/root/.yarn/berry/cache",
  },
};

function targetOf({ target }: FrontendRequest): TargetName {
  const name = target || "prod";
  if (name in targets) return name as TargetName;
  throw new Error(
    `there is no target ${JSON.stringify(name)}: it is one of ${Object.keys(targets).join(", ")}`,
  );
}

/** The stages share what they have in common, so that the daemon makes it once. */
async function stagesFor(
  pack: PackageFile,
  request: FrontendRequest,
  platform: Platform,
): Promise<Readonly<Record<TargetName, State>>> {
  const { state: base } = await request.image(pack.image, { platform });
  const context = await request.context({ exclude: ["node_modules"] });
  const { lock, install, production } = managers[pack.manager];
  const noCache = (stage: string) => request.ignoresCache(stage) && { ignoreCache: true };

  const start = base.dir(directory);
  const manifest = start.file(
    copy(context, ".", "./", {
      contentsOnly: true,
      createDestPath: true,
      include: ["package.json", lock],
    }),
    { name: "[manifest] copy package.json" },
  );
  const installed = (command: string, needed: boolean, name: string): State =>
    needed
      ? manifest.run(["/bin/sh", "-c", command], {
          name: `[${name}] ${command}`,
          mounts: [cache(managers[pack.manager].cache, { id: cacheOf(pack.manager), sharing: "locked" })],
          ...noCache(name),
        })
      : manifest;
  const scripted = (state: State, script: "build" | "test"): State =>
    pack.scripts[script] === undefined
      ? state
      : state.run(["/bin/sh", "-c", `npm run ${script}`], {
          name: `[${script}] npm run ${script}`,
          ...noCache(script),
        });

  const all = installed(install, pack.hasDependencies || pack.hasDevDependencies, "build");
  const build = scripted(
    all.file(copy(context, ".", "./", { contentsOnly: true }), { name: "[build] copy ." }),
    "build",
  );
  const dependencies = installed(production, pack.hasDependencies, "prod");
  const prod = dependencies
    .file(copy(build, `${directory}/`, "./", { contentsOnly: true, exclude: ["node_modules"] }), {
      name: "[prod] copy the application",
    })
    .env("NODE_ENV", request.args["NODE_ENV"] ?? "production");
  return { prod, build, test: scripted(build, "test") };
}

function configOf(state: State, { main, port, scripts }: PackageFile): Image {
  const image = imageConfigOf(state);
  return {
    ...image,
    config: {
      ...image.config,
      Cmd: scripts["start"] === undefined ? ["node", main] : ["npm", "start"],
      ...(port !== undefined && { ExposedPorts: { [`${port}/tcp`]: {} } }),
    },
  };
}

function cacheOf(manager: PackageManager): string {
  return `node-app-${manager}`;
}
