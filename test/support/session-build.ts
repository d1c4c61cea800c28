import { copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { create } from "@bufbuild/protobuf";
import { Control, SolveRequestSchema } from "@buildkit-node/proto/control";
import { type Attachable, fileSync, openSession } from "@buildkit-node/session";
import { createDialer, openConnection, parseAddress } from "@buildkit-node/transport";
import { randomId } from "@buildkit-node/transport/internal";
import { createClient } from "@connectrpc/connect";
import { provideSets } from "../../scripts/debian/provide.ts";
import type { Way } from "./ways.ts";

/** A type with its attributes: an exporter, a cache. */
export interface TypedEntry {
  readonly type: string;
  readonly attrs: Readonly<Record<string, string>>;
}

/** One build of a Dockerfile, with nothing between the test and the daemon but a session and its services. */
export interface SessionBuild {
  readonly dockerfile: string;
  /** Files of the context, beside a static busybox as `busybox`. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
  readonly attachables?: readonly Attachable[];
  readonly frontendAttrs?: Readonly<Record<string, string>>;
  readonly exporters?: readonly TypedEntry[];
  readonly cacheFrom?: readonly TypedEntry[];
  readonly cacheTo?: readonly TypedEntry[];
  /** Lets the session choose exporters too. */
  readonly sessionExporters?: boolean;
  /** Lets the session decide about sources. */
  readonly sourcePolicy?: boolean;
}

/** Builds, and answers what the exporters say. */
export async function buildInSession(
  way: Pick<Way, "address">,
  build: SessionBuild,
): Promise<Readonly<Record<string, string>>> {
  const dialer = await createDialer(parseAddress(way.address));
  await using connection = await openConnection(dialer, { signal: AbortSignal.timeout(20_000) });
  const context = await makeContext(build);
  try {
    const directories = { context, dockerfile: context };
    const attachables = [fileSync({ directories }), ...(build.attachables ?? [])];
    await using session = await openSession(connection, { attachables, sharedKey: context });
    const { ExporterResponse } = await createClient(Control, connection.rpc).solve(
      solveRequest(build, session.id),
    );
    return ExporterResponse;
  } finally {
    await rm(context, { recursive: true });
  }
}

/** Deletes everything that a daemon remembers. */
export async function forgetEverything(way: Pick<Way, "address">): Promise<void> {
  const dialer = await createDialer(parseAddress(way.address));
  await using connection = await openConnection(dialer, { signal: AbortSignal.timeout(20_000) });
  const client = createClient(Control, connection.rpc);
  for await (const _record of client.prune({ all: true }));
}

function solveRequest(build: SessionBuild, session: string) {
  const { exporters = [], cacheFrom = [], cacheTo = [] } = build;
  const entry = ({ type, attrs }: TypedEntry) => ({ Type: type, Attrs: { ...attrs } });
  return create(SolveRequestSchema, {
    Ref: randomId(),
    Session: session,
    Frontend: "dockerfile.v0",
    FrontendAttrs: { "cache-imports": JSON.stringify(cacheFrom.map(entry)), ...build.frontendAttrs },
    ExporterDeprecated: exporters[0]?.type ?? "",
    ExporterAttrsDeprecated: { ...exporters[0]?.attrs },
    Exporters: exporters.map(entry),
    Cache: { Imports: cacheFrom.map(entry), Exports: cacheTo.map(entry) },
    EnableSessionExporter: build.sessionExporters ?? false,
    SourcePolicySession: build.sourcePolicy === true ? session : "",
  });
}

async function makeContext({ dockerfile, files = {} }: SessionBuild): Promise<string> {
  const { busybox } = await provideSets("busybox");
  const context = await mkdtemp(path.join(tmpdir(), "bk-context-"));

  await copyFile(path.join(busybox.root, "bin/busybox"), path.join(context, "busybox"));
  for (const [name, content] of Object.entries({ Dockerfile: dockerfile, ...files })) {
    await mkdir(path.dirname(path.join(context, name)), { recursive: true });
    await writeFile(path.join(context, name), content);
  }
  return context;
}
