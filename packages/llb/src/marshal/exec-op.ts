import type { BoundMount, SecretMount, SshMount } from "../mount.ts";
import type { ExecVertex } from "../vertex.ts";
import type { ExecMeta, OpMount, OpSecretEnv } from "../wire/op.ts";
import type { Base } from "./base.ts";
import { Inputs, workerConstraints } from "./inputs.ts";
import type { InputOf, VertexOp } from "./vertex-op.ts";

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const setsDefaultPath = "exec.meta.setsdefaultpath";

/** Writes a command as an op. */
export function execOp(vertex: ExecVertex, base: Base, inputOf: InputOf): VertexOp {
  const { settings, devices } = vertex;
  const inputs = new Inputs(inputOf);
  const mounts = vertex.mounts.map((bound) => mountOf(bound, inputs.numberOf(bound.source)));
  for (const secret of vertex.secrets) {
    const { target } = secret;
    if (target !== undefined) {
      mounts.push({ input: -1, target, type: "secret", secret });
    }
  }
  vertex.ssh.forEach((ssh, at) => {
    mounts.push({ input: -1, target: socketOf(ssh, at), type: "ssh", ssh });
  });
  return {
    op: {
      inputs: inputs.list,
      platform: vertex.constraints.platform ?? settings.platform ?? base.platform,
      constraints: workerConstraints(vertex.constraints.filters, base),
      exec: {
        meta: metaOf(vertex, base),
        mounts,
        network: settings.network,
        security: settings.security,
        secretEnv: secretEnv(vertex.secrets),
        devices,
      },
    },
    caps: capsOf(vertex, base),
  };
}

function mountOf({ target, output, mount }: BoundMount, input: number): OpMount {
  const { kind: type, readonly, contentCache } = mount;
  switch (mount.kind) {
    case "bind":
      return { input, selector: mount.path, target, output, readonly, type, contentCache };
    case "cache": {
      const cache = { id: mount.id, sharing: mount.sharing };
      return { input, selector: mount.path, target, output, readonly, type, cache, contentCache };
    }
    case "tmpfs":
      return { input, target, output, readonly, type, tmpfs: { sizeBytes: mount.sizeBytes }, contentCache };
  }
}

/** Where a socket is mounted, by default one of a name of its own. */
function socketOf({ target }: SshMount, at: number): string {
  return target === "" ? `/run/buildkit/ssh_agent.${at}` : target;
}

function secretEnv(secrets: readonly SecretMount[]): readonly OpSecretEnv[] {
  return secrets.flatMap(({ id, env, optional }) => (env === undefined ? [] : [{ id, name: env, optional }]));
}

function metaOf(vertex: ExecVertex, base: Base): ExecMeta {
  const { settings, validExitCodes, proxy } = vertex;
  return {
    args: vertex.args,
    env: envOf(vertex, base),
    cwd: settings.dir,
    user: settings.user,
    proxy,
    extraHosts: settings.extraHosts,
    hostname: settings.hostname,
    ulimits: settings.ulimits,
    cgroupParent: settings.cgroupParent,
    removeMountStubsRecursive: true,
    validExitCodes,
  };
}

/** The variables, with the socket of an agent, and with a `PATH` for a daemon that is known to set none. */
function envOf({ settings, ssh: [ssh] }: ExecVertex, base: Base): readonly string[] {
  let { env } = settings;
  if (ssh !== undefined && !env.has("SSH_AUTH_SOCK")) {
    env = env.set("SSH_AUTH_SOCK", socketOf(ssh, 0));
  }
  const setsPath =
    base.caps === undefined || base.caps.has(setsDefaultPath) || base.platform.os === "windows";
  return (setsPath || env.has("PATH") ? env : env.set("PATH", defaultPath)).texts;
}

/** What a command needs of the daemon, and when. */
const execCaps: readonly (readonly [cap: string, applies: (vertex: ExecVertex, base: Base) => boolean])[] = [
  ["exec.meta.base", () => true],
  [setsDefaultPath, (_, { caps }) => caps?.has(setsDefaultPath) === true],
  ["exec.validexitcode", ({ validExitCodes }) => validExitCodes !== undefined],
  ["exec.meta.ulimit", ({ settings }) => settings.ulimits.length > 0],
  ["exec.meta.linux.resources", ({ constraints }) => constraints.metadata.resources !== undefined],
  ["exec.meta.network", ({ settings }) => settings.network !== "sandbox" && settings.network !== 0],
  ["exec.meta.security", ({ settings }) => settings.security === "insecure"],
  ["exec.meta.proxyenv", ({ proxy }) => proxy !== undefined],
  ["exec.mount.secret", ({ secrets }) => secrets.length > 0],
  ["exec.secretenv", ({ secrets }) => secrets.some(({ env }) => env !== undefined)],
  ["exec.mount.ssh", ({ ssh }) => ssh.length > 0],
  ["exec.meta.cdi", ({ devices }) => devices.length > 0],
];

/** What a mount needs of the daemon, and when. */
const mountCaps: readonly (readonly [cap: string, applies: (bound: BoundMount) => boolean])[] = [
  ["exec.mount.bind", ({ source, mount }) => mount.kind === "bind" && source !== undefined],
  ["exec.mount.cache", ({ mount }) => mount.kind === "cache"],
  ["exec.mount.cache.sharing", ({ mount }) => mount.kind === "cache"],
  ["exec.mount.tmpfs", ({ mount }) => mount.kind === "tmpfs"],
  ["exec.mount.tmpfs.size", ({ mount }) => mount.kind === "tmpfs" && mount.sizeBytes > 0],
  ["exec.mount.selector", ({ mount }) => mount.kind !== "tmpfs" && mount.path !== ""],
  ["exec.mount.cache.content", ({ mount }) => mount.contentCache !== "default"],
];

/** The lists of capabilities that occurred, by the set of conditions that applied: there are few of them. */
const capLists = new Map<number, readonly string[]>();

function capsOf(vertex: ExecVertex, base: Base): readonly string[] {
  let applied = 0;
  let bit = 1;
  for (const [, applies] of execCaps) {
    applied |= applies(vertex, base) ? bit : 0;
    bit <<= 1;
  }
  for (const [, applies] of mountCaps) {
    for (const mount of vertex.mounts) {
      applied |= applies(mount) ? bit : 0;
    }
    bit <<= 1;
  }
  const known = capLists.get(applied);
  if (known !== undefined) {
    return known;
  }
  const caps = [...execCaps, ...mountCaps].flatMap(([cap], at) => ((applied >> at) & 1 ? [cap] : []));
  capLists.set(applied, caps);
  return caps;
}
