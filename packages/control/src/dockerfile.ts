import { statSync } from "node:fs";
import path from "node:path";
import { InvalidArgumentError } from "@buildkit-node/core";
import { formatPlatform, type Platform } from "@buildkit-node/oci";
import type { FrontendInput } from "./solve/solve-input.ts";
import type { Exporters, SolveOptions } from "./solve/solve-options.ts";

/** What a build reads: a directory of this machine, or an address that the daemon fetches itself. */
export type ContextSource = string;

/** What a Dockerfile is built from, besides what every build is given. */
export interface DockerfileOptions<E extends Exporters = Exporters>
  extends Omit<SolveOptions<E>, "locals" | "platform"> {
  /** The build's context: a directory, or the address of a git repository or of an archive. */
  readonly context: ContextSource;
  /**
   * The Dockerfile: a path, relative to the context if it is not absolute. In a context that the daemon fetches, the path
   * in there. Default: `Dockerfile` in the context.
   */
  readonly dockerfile?: string;
  /** The stage to build. Default: the last. */
  readonly target?: string;
  /** Values of `ARG`s. */
  readonly args?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  /** The platforms to build for. Default: the daemon's own. */
  readonly platforms?: readonly (string | Platform)[];
  /** Other contexts by name: a directory, or anything that the frontend understands, such as `docker-image://alpine`. */
  readonly contexts?: Readonly<Record<string, ContextSource>>;
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
    frontendAttrs: { ...place.attrs, ...contexts.attrs, ...optionAttrs(options), ...options.frontendAttrs },
  };
  return { input: { frontend: "dockerfile.v0" }, solve };
}

interface Place {
  readonly locals: Readonly<Record<string, string>>;
  readonly attrs: Readonly<Record<string, string>>;
}

function placeOf({ context, dockerfile }: DockerfileOptions): Place {
  if (isRemote(context)) {
    return { locals: {}, attrs: { context, ...(dockerfile !== undefined && { filename: dockerfile }) } };
  }
  const directory = path.resolve(context);
  if (!isDirectory(directory)) {
    throw new InvalidArgumentError("context", context, `the context ${directory} is not a directory`);
  }
  const file = path.resolve(directory, dockerfile ?? "Dockerfile");
  if (statSync(file, { throwIfNoEntry: false }) === undefined) {
    throw new InvalidArgumentError("dockerfile", dockerfile, `there is no Dockerfile ${file}`);
  }
  return {
    locals: { context: directory, dockerfile: path.dirname(file) },
    attrs: { filename: path.basename(file) },
  };
}

/** Directories become local sources of their own; the rest is for the frontend to understand. */
function namedContexts(contexts: Readonly<Record<string, ContextSource>>): Place {
  const locals: Record<string, string> = {};
  const attrs: Record<string, string> = {};
  for (const [name, source] of Object.entries(contexts)) {
    if (isRemote(source)) {
      attrs[`context:${name}`] = source;
    } else if (isDirectory(source)) {
      locals[`context:${name}`] = path.resolve(source);
      attrs[`context:${name}`] = `local:context:${name}`;
    } else {
      throw new InvalidArgumentError(
        `contexts.${name}`,
        source,
        `the context ${name} (${source}) is not a directory`,
      );
    }
  }
  return { locals, attrs };
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
function isRemote(source: ContextSource): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//.test(source) || /^[\w.-]+@[\w.-]+:/.test(source);
}

function isDirectory(source: string): boolean {
  return statSync(source, { throwIfNoEntry: false })?.isDirectory() === true;
}
