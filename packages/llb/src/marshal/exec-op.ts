import type { BoundMount, SecretMount, SshMount } from "../mount.ts";
import type { ExecVertex } from "../vertex.ts";
import type { ExecMeta, OpMount, OpSecret } from "../wire/op.ts";
import type { Base } from "./base.ts";
import { Inputs, workerConstraints } from "./inputs.ts";
import type { InputOf, VertexOp } from "./vertex-op.ts";

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const setsDefaultPath = "exec.meta.setsdefaultpath";

/** Writes a command as an op. */
export function execOp(vertex: ExecVertex, base: Base, inputOf: InputOf): VertexOp {
  const { settings, devices } = vertex;
  const inputs = new Inputs(inputOf);
  const ssh = vertex.ssh.map((mount, place) => ({
    ...mount,
    target: mount.target === "" ? `/run/buildkit/ssh_agent.${place}` : mount.target,
  }));
  const mounts = vertex.mounts.map((bound) => mountOf(bound, inputs.numberOf(bound.source)));
  const secretEnv = [];
  for (const secret of vertex.secrets) {
    const { id, env, target, optional } = secret;
    if (env !== undefined) {
      secretEnv.push({ id, name: env, optional });
    }
    if (target !== undefined) {
      mounts.push({ input: -1, target, type: "secret", secret: secretOf(secret) });
    }
  }
  for (const mount of ssh) {
    mounts.push({ input: -1, target: mount.target, type: "ssh", ssh: secretOf(mount) });
  }
  return {
    op: {
      inputs: inputs.list,
      platform: vertex.constraints.platform ?? settings.platform ?? base.platform,
      constraints: workerConstraints(vertex.constraints.filters, base),
      exec: {
        meta: metaOf(vertex, base, ssh[0]?.target),
        mounts,
        network: settings.network,
        security: settings.security,
        secretEnv,
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

function metaOf(vertex: ExecVertex, base: Base, sshSocket: string | undefined): ExecMeta {
  const { settings, validExitCodes, proxy } = vertex;
  return {
    args: vertex.args,
    env: envOf(vertex, base, sshSocket),
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
function envOf({ settings }: ExecVertex, base: Base, sshSocket: string | undefined): readonly string[] {
  let { env } = settings;
  if (sshSocket !== undefined && !env.has("SSH_AUTH_SOCK")) {
    env = env.set("SSH_AUTH_SOCK", sshSocket);
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
    applied |= vertex.mounts.some((mount) => applies(mount)) ? bit : 0;
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

function secretOf({ id, uid, gid, mode, optional }: SecretMount | SshMount): OpSecret {
  return { id, uid, gid, mode, optional };
}
