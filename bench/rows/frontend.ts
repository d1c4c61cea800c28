import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { frontendImage } from "@buildkit-node/frontend/image";
import { resolveInLayout } from "@buildkit-node/session";
import { type Client, connect, llb, oci } from "buildkit-node";
import { frontend } from "../../examples/yaml-frontend/frontend.ts";
import { benchDaemon } from "../bench-daemon.ts";
import { alone, type Bench, type Row } from "../row.ts";

/** Builds that are counted, after one that is not. */
const count = 15;

const yaml = "targets:\n  app:\n    from: scratch\n    steps:\n      - write: /f\n        text: x\n";

/**
 * The start of a frontend in this process, and whole builds of an unchanged graph, from the call to the result. `GO_FRONTEND` may name a static Go frontend for
 * Dockerfiles, such as BuildKit's own, to be packed and run in the same way.
 */
export const frontends: readonly Bench[] = [
  {
    name: "frontend",
    about:
      "a frontend on an unchanged graph: in this process, and in an image of Node (and of Go: GO_FRONTEND)",
    async run() {
      await using daemon = await benchDaemon();
      await using client = await connect(daemon.address);
      const context = path.join(daemon.folder, "frontend-context");
      await mkdir(context, { recursive: true });
      await writeFile(path.join(context, "Dockerfile"), yaml);
      await writeFile(path.join(context, "Go.Dockerfile"), "FROM scratch\nCOPY Dockerfile /f\n");
      const locals = { context, dockerfile: context };
      const layout = path.join(daemon.folder, "frontend-layout");
      await packNode(client, layout);
      const rows = [
        await startInProcess(client),
        await measure("frontend-in-process", () => client.build(frontend, { locals })),
        await measure("frontend-image-node", await byImage(client, locals, { layout, tag: "node" })),
      ];
      const program = process.env["GO_FRONTEND"] ?? "";
      if (program === "") return rows;
      await packGo(client, layout, program);
      const go = await byImage(client, locals, { layout, tag: "go", filename: "Go.Dockerfile" });
      return [...rows, await measure("frontend-image-go", go)];
    },
  },
];

/** From the call to the first line of the frontend, which then knows what it is asked and what the daemon can do. */
async function startInProcess(client: Client): Promise<Row> {
  const figures: number[] = [];
  for (let i = 0; i <= count; i++) {
    const called = performance.now();
    await client.build(() => void figures.push(performance.now() - called));
  }
  return alone({ name: "frontend-start-in-process", unit: "ms" }, figures.slice(1));
}

async function measure(name: string, build: () => Promise<unknown>): Promise<Row> {
  await build();
  const figures: number[] = [];
  for (let i = 0; i < count; i++) {
    const started = performance.now();
    await build();
    figures.push(performance.now() - started);
  }
  return alone({ name, unit: "ms" }, figures);
}

async function packNode(client: Client, layout: string): Promise<void> {
  const entry = fileURLToPath(new URL("../../examples/yaml-frontend/main.ts", import.meta.url));
  const { state, locals } = await frontendImage({
    entry,
    runtime: "host",
    conditions: ["@buildkit-node/source"],
  });
  await client.solve(state, {
    locals,
    exports: [oci({ tar: false, dest: layout, tags: ["node"], compression: "uncompressed" })],
  });
}

async function packGo(client: Client, layout: string, program: string): Promise<void> {
  const state = llb
    .scratch()
    .file(llb.copy(llb.local("program"), path.basename(program), "/frontend", { mode: 0o755 }));
  const config = { Entrypoint: ["/frontend"] };
  await client.solve(state, {
    locals: { program: path.dirname(program) },
    exports: [oci({ tar: false, dest: layout, tags: ["go"], compression: "uncompressed", config })],
  });
}

async function byImage(
  client: Client,
  locals: Readonly<Record<string, string>>,
  image: { readonly layout: string; readonly tag: string; readonly filename?: string },
): Promise<() => Promise<unknown>> {
  const { layout, tag, filename = "Dockerfile" } = image;
  const root = await resolveInLayout(layout, tag);
  const source = `bench/${tag}`;
  const frontendAttrs = { filename, source, [`context:${source}`]: `oci-layout://images@${root?.digest}` };
  return () =>
    client.solve({ frontend: "gateway.v0" }, { locals, layouts: { images: layout }, frontendAttrs });
}
