import { statSync } from "node:fs";
import path from "node:path";
import { InvalidArgumentError } from "@buildkit-node/core";
import { formatPlatform, type Platform } from "@buildkit-node/oci";
import { type AttestationOptions, attestationAttrs } from "./attestations.ts";
import { layoutImage } from "./solve/layout-context.ts";
import type { FrontendInput } from "./solve/solve-input.ts";
import type { Exporters, LocalSource, SolveOptions } from "./solve/solve-options.ts";

/**
 * What a build reads: a directory of this machine, one that is not on disk, or an address that the daemon fetches itself.
 */
export type ContextSource = LocalSource;

/** What a Dockerfile is built from, besides what every build is given. */
export interface DockerfileOptions<E extends Exporters = Exporters>
  extends Omit<SolveOptions<E>, "locals" | "platform"> {
  /** The build's context: a directory, or the address of a git repository or of an archive. */
  readonly context: ContextSource;
  /**
   * The Dockerfile: a path, relative to the context if it is not absolute. In a context that the daemon fetches or that is
   * not on disk, the path in there. Default: `Dockerfile` in the context.
   */
  readonly dockerfile?: string;
  /** The stage to build. Default: the last. */
  readonly target?: string;
  /** Values of `ARG`s. */
  readonly args?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  /** The platforms to build for. Default: the daemon's own. */
  readonly platforms?: readonly (string | Platform)[];
  /**
   * Other contexts by name: a directory; an image in an OCI layout of this machine, as `oci-layout://dir`,
   * `oci-layout://dir:tag` or `oci-layout://dir@sha256:…` (BuildKit 0.11); or anything that the frontend understands, such as
   * `docker-image://alpine`.
   */
  readonly contexts?: Readonly<Record<string, ContextSource>>;
  /** Statements about the image. They need an exporter of images, or come as files with `local` and `tar`. */
  readonly attest?: AttestationOptions;
  /** Runs all steps anew, or those of the stages named. Default: none. */
  readonly noCache?: true | readonly string[];
  /** Whether images are looked up in their registries even if the daemon has them. Default: false. */
  readonly pull?: boolean;
  /** Lines of `/etc/hosts` for run steps, name to address. */
  readonly extraHosts?: Readonly<Record<string, string>>;
  /** The network of run steps that name none. `host` needs the entitlement `network.host`. */
  readonly network?: "none" | "host" | "sandbox";
}

/** The build of a Dockerfile in the words of any build. */
export interface DockerfileBuild<E extends Exporters> {
  readonly input: FrontendInput;
  readonly solve: SolveOptions<E>;
}

/** @throws {InvalidArgumentError} for a context or a Dockerfile that is not there */
export function dockerfileBuild<E extends Exporters>(options: DockerfileOptions<E>): DockerfileBuild<E> {
  const place = placeOf(options);
  const contexts = namedContexts(options.contexts ?? {});
  const solve: SolveOptions<E> = {
    ...options,
    locals: { ...place.locals, ...contexts.locals },
    layouts: { ...contexts.layouts, ...options.layouts },
    frontendAttrs: { ...place.attrs, ...contexts.attrs, ...optionAttrs(options), ...options.frontendAttrs },
  };
  return { input: { frontend: "dockerfile.v0" }, solve };
}

interface Place {
  readonly locals: Readonly<Record<string, LocalSource>>;
  readonly attrs: Readonly<Record<string, string>>;
}

function placeOf({ context, dockerfile }: DockerfileOptions): Place {
  if (isRemote(context)) {
    return { locals: {}, attrs: { context, ...(dockerfile !== undefined && { filename: dockerfile }) } };
  }
  if (typeof context !== "string" && !path.isAbsolute(dockerfile ?? "")) {
    const attrs = dockerfile === undefined ? {} : { filename: dockerfile };
    return { locals: { context, dockerfile: context }, attrs };
  }
  const local = localOf(context);
  if (local === undefined) {
    throw new InvalidArgumentError("context", context, `the context ${String(context)} is not a directory`);
  }
  const file = path.resolve(typeof local === "string" ? local : "", dockerfile ?? "Dockerfile");
  if (statSync(file, { throwIfNoEntry: false }) === undefined) {
    throw new InvalidArgumentError("dockerfile", dockerfile, `there is no Dockerfile ${file}`);
  }
  return {
    locals: { context: local, dockerfile: path.dirname(file) },
    attrs: { filename: path.basename(file) },
  };
}

/** Directories become local sources of their own, and layouts stores; the rest is for the frontend to understand. */
function namedContexts(
  contexts: Readonly<Record<string, ContextSource>>,
): Place & { readonly layouts: Readonly<Record<string, string>> } {
  const locals: Record<string, LocalSource> = {};
  const layouts: Record<string, string> = {};
  const attrs: Record<string, string> = {};
  for (const [name, source] of Object.entries(contexts)) {
    const image = typeof source === "string" ? layoutImage(`contexts.${name}`, source) : undefined;
    if (image !== undefined) {
      // The store's name is part of what the daemon knows the result by: the same contexts have the same ones.
      const store = `context-${Object.keys(layouts).length}`;
      layouts[store] = image.dir;
      attrs[`context:${name}`] = `oci-layout://${store}@${image.digest}`;
      continue;
    }
    if (isRemote(source)) {
      attrs[`context:${name}`] = source;
      continue;
    }
    const local = localOf(source);
    if (local === undefined) {
      const message = `the context ${name} (${String(source)}) is not a directory`;
      throw new InvalidArgumentError(`contexts.${name}`, source, message);
    }
    locals[`context:${name}`] = local;
    attrs[`context:${name}`] = `local:context:${name}`;
  }
  return { locals, attrs, layouts };
}

/** `undefined` for the path of what is no directory. */
function localOf(source: ContextSource): LocalSource | undefined {
  if (typeof source !== "string") return source;
  const isDirectory = statSync(source, { throwIfNoEntry: false })?.isDirectory() === true;
  return isDirectory ? path.resolve(source) : undefined;
}

function optionAttrs(options: DockerfileOptions): Readonly<Record<string, string>> {
  const { target, platforms = [], noCache, pull, extraHosts = {}, network } = options;
  const hosts = Object.entries(extraHosts).map(([name, address]) => `${name}=${address}`);
  return {
    ...(target !== undefined && { target }),
    ...(platforms.length > 0 && { platform: platforms.map(platformText).join(",") }),
    ...(noCache !== undefined && { "no-cache": noCache === true ? "" : noCache.join(",") }),
    ...(pull === true && { "image-resolve-mode": "pull" }),
    ...(hosts.length > 0 && { "add-hosts": hosts.join(",") }),
    ...(network !== undefined && { "force-network-mode": network }),
    ...prefixed("build-arg:", options.args ?? {}),
    ...prefixed("label:", options.labels ?? {}),
    ...attestationAttrs(options.attest ?? {}),
  };
}

function prefixed(
  prefix: string,
  values: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`${prefix}${name}`, value]));
}

function platformText(platform: string | Platform): string {
  return typeof platform === "string" ? platform : formatPlatform(platform);
}

/** Anything with a scheme, and git's short form `user@host:path`. */
function isRemote(source: ContextSource): source is string {
  if (typeof source !== "string") return false;
  return /^[a-z][a-z0-9+.-]*:\/\//.test(source) || /^[\w.-]+@[\w.-]+:/.test(source);
}
