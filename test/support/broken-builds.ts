import { copyFile, mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import type { Client, DockerfileOptions, SolveOptions } from "@buildkit-node/control";
import { copy, local, type State, scratch } from "@buildkit-node/llb";
import { provideSets } from "../../scripts/debian/provide.ts";
import { startRegistry } from "./registry.ts";
import { shell, toolsRoot } from "./tools.ts";

/** A build that must fail. */
export interface BrokenBuild {
  readonly name: string;
  /** Runs it in a folder of its own, in which the static busybox is at `tools`. */
  run(client: Client, folder: string): Promise<unknown>;
}

/** The first lines of a Dockerfile whose steps have a shell. */
const withShell = ["FROM scratch AS base", "COPY tools/busybox /bin/sh"];

/** Nobody listens there. */
const nobody = "127.0.0.1:1";

export const brokenBuilds: readonly BrokenBuild[] = [
  dockerfile("missing-file", ["FROM scratch", "COPY app/main.js /srv/", "COPY missing.txt /srv/"]),
  dockerfile("failing-step", [
    ...withShell,
    "COPY app /app",
    'RUN echo compiling && echo "app/main.js:1: unexpected end" && exit 7',
    "COPY app /again",
  ]),
  dockerfile("unknown-command", [...withShell, "RUN npm ci --omit=dev"]),
  dockerfile("several-lines", [...withShell, "RUN echo one && \\", "    echo two && \\", "    false"]),
  dockerfile("heredoc", [...withShell, "RUN <<SCRIPT", "set -e", "echo begin", "exit 3", "SCRIPT"]),
  dockerfile("unknown-instruction", ["FROM scratch", "COPPY app /app"]),
  dockerfile("unknown-flag", ["FROM scratch", "COPY --mod=755 app /app"]),
  dockerfile("no-instructions", ["# nothing to build yet"]),
  dockerfile("not-closed", ["FROM scratch", "COPY <<EOF /file", "text"]),
  dockerfile("image-unknown-registry-down", [`FROM ${nobody}/team/image:1.0`]),
  {
    name: "image-unknown-to-registry",
    run: async (client, folder) => {
      await using registry = await startRegistry();
      const lines = [`FROM ${registry.host}/team/image:1.0`, "COPY app /app"];
      return await dockerfile("", lines).run(client, folder);
    },
  },
  dockerfile("empty-base", ["ARG BASE", `FROM ${"$"}{BASE}`, "COPY app /app"]),
  dockerfile("unknown-stage", ["FROM scratch AS build", "COPY app /app"], { target: "production" }),
  dockerfile("copy-from-no-such-stage", ["FROM scratch", "COPY --from=3 /app /app"]),
  dockerfile("copy-from-stage-without-file", [
    "FROM scratch AS build",
    "COPY app /app",
    "FROM scratch",
    "COPY --from=build /app/dist /srv",
  ]),
  dockerfile("secret-missing", [
    ...withShell,
    "RUN --mount=type=secret,id=npmrc,required=true echo installing",
  ]),
  dockerfile("ssh-missing", [...withShell, "RUN --mount=type=ssh,required=true echo cloning"]),
  dockerfile("entitlement-missing", [...withShell, "RUN --network=host echo fetching"]),
  dockerfile("entitlement-unknown", ["FROM scratch", "COPY app /app"], {
    entitlements: ["network.everything"],
  }),
  dockerfile("policy-denial", ["FROM registry.invalid/base:1", "COPY app /app"], {
    sourceRules: [{ action: "deny", selector: { identifier: "docker-image://registry.invalid/*" } }],
  }),
  dockerfile("download-refused", ["FROM scratch", `ADD http://${nobody}/archive.tgz /`]),
  dockerfile("cache-export-unreachable", ["FROM scratch", "COPY app /app"], {
    cacheTo: [{ type: "registry", attrs: { ref: `${nobody}/team/cache` } }],
  }),
  dockerfile("cache-type-unknown", ["FROM scratch", "COPY app /app"], { cacheTo: [{ type: "tape" }] }),
  graph("graph-failing-step", () =>
    toolsRoot().run(shell("echo linking; echo no space; exit 9"), { name: "link the program" }),
  ),
  graph("graph-copy-missing", () => scratch().file(copy(toolsRoot(), "/bin/missing", "/app"))),
  {
    name: "unknown-frontend",
    run: (client) => client.solve({ frontend: "makefile.v0" }),
  },
  graph("local-source-not-given", () => scratch().file(copy(local("sources"), "main.js", "/"))),
  dockerfile("no-such-dockerfile", ["FROM scratch"], { dockerfile: "Dockerfile.production" }),
  {
    name: "no-such-context",
    run: (client, folder) => client.solveDockerfile({ context: path.join(folder, "sources") }),
  },
  dockerfile("secret-file-missing", ["FROM scratch", "COPY app /app"], {
    secrets: { npmrc: { file: "/nowhere/.npmrc" } },
  }),
];

function dockerfile(
  name: string,
  lines: readonly string[],
  options: Omit<DockerfileOptions<[]>, "context"> = {},
): BrokenBuild {
  return {
    name,
    run: async (client, folder) => {
      await fill(folder);
      await writeFile(path.join(folder, "Dockerfile"), `${lines.join("\n")}\n`);
      return client.solveDockerfile({ context: folder, noCache: true, ...options });
    },
  };
}

function graph(name: string, state: () => State, options: SolveOptions<[]> = {}): BrokenBuild {
  return {
    name,
    run: async (client, folder) => {
      await fill(folder);
      return client.solve(state(), { locals: { tools: path.join(folder, "tools") }, ...options });
    },
  };
}

async function fill(folder: string): Promise<void> {
  const { busybox } = await provideSets("busybox");
  await mkdir(path.join(folder, "tools"), { recursive: true });
  await copyFile(path.join(busybox.root, "bin", "busybox"), path.join(folder, "tools", "busybox"));
  await mkdir(path.join(folder, "app"), { recursive: true });
  await writeFile(path.join(folder, "app", "main.js"), "console.log(1)\n");
}
