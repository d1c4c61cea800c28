import type { SecretMount, SshMount } from "../mount.ts";
import type { ExecVertex } from "../vertex.ts";
import type { ExecMeta, OpMount, OpSecret } from "../wire/op.ts";
import type { Base } from "./base.ts";
import { commonOf, Inputs } from "./inputs.ts";
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
  const mounts: OpMount[] = vertex.mounts.map(({ source, wire }) => ({
    ...wire,
    input: inputs.numberOf(source),
  }));
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
      ...commonOf(vertex, base),
      exec: {
        meta: metaOf(vertex, base, ssh[0]?.target),
        mounts,
        network: settings.network,
        security: settings.security,
        ...(secretEnv.length > 0 && { secretEnv }),
        ...(devices.length > 0 && { devices }),
      },
    },
    caps: capsOf(vertex, base),
  };
}

function metaOf(vertex: ExecVertex, base: Base, sshSocket: string | undefined): ExecMeta {
  const { settings, validExitCodes, proxy } = vertex;
  return {
    args: vertex.args,
    env: envOf(vertex, base, sshSocket),
    cwd: settings.dir,
    user: settings.user,
    ...(proxy !== undefined && { proxy }),
    extraHosts: settings.extraHosts,
    hostname: settings.hostname,
    ulimits: settings.ulimits,
    cgroupParent: settings.cgroupParent,
    removeMountStubsRecursive: true,
    ...(validExitCodes !== undefined && { validExitCodes }),
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

function capsOf(vertex: ExecVertex, base: Base): readonly string[] {
  const { settings, secrets, ssh, devices, validExitCodes, proxy, constraints } = vertex;
  const conditions: readonly (readonly [string, boolean | undefined])[] = [
    ["exec.meta.base", true],
    [setsDefaultPath, base.caps?.has(setsDefaultPath)],
    ["exec.validexitcode", validExitCodes !== undefined],
    ["exec.meta.ulimit", settings.ulimits.length > 0],
    ["exec.meta.linux.resources", constraints.metadata.resources !== undefined],
    ["exec.meta.network", settings.network !== "sandbox" && settings.network !== 0],
    ["exec.meta.security", settings.security === "insecure"],
    ["exec.meta.proxyenv", proxy !== undefined],
    ["exec.mount.secret", secrets.length > 0],
    ["exec.secretenv", secrets.some(({ env }) => env !== undefined)],
    ["exec.mount.ssh", ssh.length > 0],
    ["exec.meta.cdi", devices.length > 0],
  ];
  const caps = conditions.flatMap(([cap, applies]) => (applies === true ? [cap] : []));
  for (const { source, wire } of vertex.mounts) {
    if (wire.selector !== undefined && wire.selector !== "") {
      caps.push("exec.mount.selector");
    }
    if (wire.type === "cache") {
      caps.push("exec.mount.cache", "exec.mount.cache.sharing");
    } else if (wire.type === "tmpfs") {
      caps.push("exec.mount.tmpfs");
      if (wire.tmpfs?.sizeBytes) {
        caps.push("exec.mount.tmpfs.size");
      }
    } else if (source !== undefined) {
      caps.push("exec.mount.bind");
    }
    if (wire.contentCache !== undefined && wire.contentCache !== "default") {
      caps.push("exec.mount.cache.content");
    }
  }
  return caps;
}

function secretOf({ id, uid, gid, mode, optional }: SecretMount | SshMount): OpSecret {
  return { id, uid, gid, mode, optional };
}
