import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { Scope } from "@buildkit-node/core";
import { startRelay } from "@buildkit-node/daemon";
import type { TestProject } from "vitest/node";
import {
  type EngineName,
  engineRelease,
  engines,
  provideEngines,
  startEngine,
} from "../../scripts/debian/engines.ts";
import { describeDaemon } from "./describe-daemon.ts";
import type { TestDaemon, Way } from "./ways.ts";

/** The engines that the whole suite runs on, and those that must do for the basics. */
const integrationEngines = "testing,stable";
const basicEngines = "classic,oldest";

/**
 * Starts, once for the run, the daemons that the tests share, and tells the tests the ways to them: the Docker Engines
 * that `ENGINES` lists (`testing,stable` by default; the basics have `classic,oldest` always), each over three ways in; or
 * only the daemon that `BUILDKIT_HOST` names. A daemon that does not start or answer fails the run.
 */
export default async function globalSetup(project: TestProject): Promise<() => Promise<void>> {
  const scope = new Scope();
  try {
    const host = process.env["BUILDKIT_HOST"] ?? "";
    const { daemons, ways } = host === "" ? await startAll(scope, enginesFor(project)) : await given(host);
    project.provide("daemons", daemons);
    project.provide("ways", ways);
    return () => scope.close();
  } catch (error) {
    await scope.close();
    throw error;
  }
}

interface Provided {
  readonly daemons: readonly TestDaemon[];
  readonly ways: readonly Way[];
}

async function given(address: string): Promise<Provided> {
  const name = "given by BUILDKIT_HOST";
  const daemon: TestDaemon = { name, ours: false, versions: `BuildKit ${await describeDaemon(address)}` };
  return { daemons: [daemon], ways: [{ name, daemon: name, address, ours: false }] };
}

function enginesFor({ name }: TestProject): string {
  return name === "basics" ? basicEngines : (process.env["ENGINES"] ?? integrationEngines);
}

async function startAll(scope: Scope, engineNames: string): Promise<Provided> {
  const directory = await mkdtemp(path.join(os.tmpdir(), "buildkit-relays-"));
  scope.defer(() => rm(directory, { recursive: true, force: true }));
  const names = engineNames.split(",").filter(isEngine);
  await provideEngines(names);
  const started = await Promise.all(names.map((name) => startWithRelays(name, directory, scope)));
  return { daemons: started.map(({ daemon }) => daemon), ways: started.flatMap(({ ways }) => ways) };
}

async function startWithRelays(name: EngineName, directory: string, scope: Scope) {
  const engine = scope.use(await startEngine(name));
  const unix = scope.use(
    await startRelay({ to: engine.address, listen: `unix://${path.join(directory, `${name}.sock`)}` }),
  );
  const tcp = scope.use(await startRelay({ to: engine.address, listen: "tcp://127.0.0.1:0" }));
  const versions = `${await engineRelease(name)}, ${await describeDaemon(engine.address)}`;
  const daemon: TestDaemon = { name, ours: true, versions };
  const way = (kind: string, address: string): Way => ({
    name: `${name}, ${kind}`,
    daemon: name,
    address,
    ours: true,
  });
  return {
    daemon,
    ways: [way("unix relay", unix.address), way("tcp relay", tcp.address), way("docker://", engine.address)],
  };
}

function isEngine(name: string): name is EngineName {
  if (name in engines) return true;
  throw new Error(`ENGINES names ${name}; there are ${Object.keys(engines).join(", ")}`);
}
