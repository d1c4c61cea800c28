import { statSync } from "node:fs";
import path from "node:path";
import { InvalidArgumentError } from "@buildkit-node/core";
import { formatPlatform, type Platform, parsePlatform } from "@buildkit-node/oci";
import { type AttestationOptions, attestationAttrs } from "./attestations.ts";
import { checkList } from "./check-list.ts";
import type { LocalSource } from "./session/session-options.ts";
import { checkTexts } from "./solve/check-options.ts";
import { layoutImage } from "./solve/layout-context.ts";
import type { FrontendInput } from "./solve/solve-input.ts";
import type { Exporters, SolveOptions } from "./solve/solve-options.ts";

/** One of the local sources of the session that the build shares. */
export interface SessionLocal {
  /** Its name in the session's `locals`. */
  readonly local: string;
}

/**
 * What a build reads: a directory of this machine, one that is not on disk, one that a shared session serves, or an address
 * that the daemon fetches itself.
 */
export type ContextSource = LocalSource | SessionLocal;

/** What a Dockerfile is built from, besides what every build is given. */
export interface DockerfileOptions<E extends Exporters = Exporters>
  extends Omit<SolveOptions<E>, "locals" | "platform"> {
  /**
   * The build's context: a directory, or the address of a git repository or of an archive. Of a session that the build
   * shares, frontends know it by the name `context` alone: write `{ local: "context" }`.
   */
  readonly context: ContextSource;
  /**
   * The Dockerfile: a path, relative to the context if it is not absolute. In a context that the daemon fetches, that is
   * not on disk, or that is a shared session's, the path in there. Default: `Dockerfile` in the context.
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
  /** Runs all steps anew, or those of the stages named. Default: false. */
  readonly noCache?: boolean | readonly string[];
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

/** @throws {InvalidArgumentError} for a context or a Dockerfile that is not there, a platform that is none, and values that are no texts */
export function dockerfileBuild<E extends Exporters>(options: DockerfileOptions<E>): DockerfileBuild<E> {
  const place = placeOf(options);
  const contexts = namedContexts(options.contexts ?? {});
  const locals = { ...place.locals, ...contexts.locals };
  const layouts = { ...contexts.layouts, ...options.layouts };
  checkSession(options, locals);
  const solve: SolveOptions<E> = {
    ...options,
    ...(Object.keys(locals).length > 0 && { locals }),
    ...(Object.keys(layouts).length > 0 && { layouts }),
    frontendAttrs: { ...place.attrs, ...contexts.attrs, ...optionAttrs(options), ...options.frontendAttrs },
  };
  return { input: { frontend: "dockerfile.v0" }, solve };
}

/** Directories are either the build's own, or those of the session that it shares. */
function checkSession(
  { session, context, contexts = {} }: DockerfileOptions,
  locals: Readonly<Record<string, LocalSource>>,
): void {
  const ofSession = [context, ...Object.values(contexts)].find(isOfSession);
  if (session === undefined && ofSession !== undefined) {
    const message = `the context { local: ${JSON.stringify(ofSession.local)} } is a session's: give session too`;
    throw new InvalidArgumentError("session", undefined, message);
  }
  if (isOfSession(context) && context.local !== "context") {
    const message = `frontends know a session's context by the name "context", not ${JSON.stringify(context.local)}`;
    throw new InvalidArgumentError("context", context, message);
  }
  if (session !== undefined && Object.keys(locals).length > 0) {
    const message = "a build that shares a session reads the session's directories: write { local: name }";
    throw new InvalidArgumentError("context", context, message);
  }
}

interface Place {
  readonly locals: Readonly<Record<string, LocalSource>>;
  readonly attrs: Readonly<Record<string, string>>;
}

function placeOf({ context, dockerfile }: DockerfileOptions): Place {
  if (isRemote(context)) {
    return { locals: {}, attrs: { context, ...(dockerfile !== undefined && { filename: dockerfile }) } };
  }
  if (isOfSession(context)) {
    return {
      locals: {},
      attrs: { dockerfilekey: context.local, ...(dockerfile !== undefined && { filename: dockerfile }) },
    };
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
    if (isOfSession(source)) {
      attrs[`context:${name}`] = `local:${source.local}`;
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
function localOf(source: LocalSource): LocalSource | undefined {
  if (typeof source !== "string") return source;
  const isDirectory = statSync(source, { throwIfNoEntry: false })?.isDirectory() === true;
  return isDirectory ? path.resolve(source) : undefined;
}

function optionAttrs(options: DockerfileOptions): Readonly<Record<string, string>> {
  const { target, platforms = [], noCache = false, pull, extraHosts = {}, network } = options;
  checkList("platforms", platforms);
  checkTexts("extraHosts", extraHosts);
  const hosts = Object.entries(extraHosts).map(([name, address]) => `${name}=${address}`);
  return {
    ...(target !== undefined && { target }),
    ...(platforms.length > 0 && { platform: platforms.map(platformText).join(",") }),
    ...(noCache !== false && { "no-cache": noCache === true ? "" : noCache.join(",") }),
    ...(pull === true && { "image-resolve-mode": "pull" }),
    ...(hosts.length > 0 && { "add-hosts": hosts.join(",") }),
    ...(network !== undefined && { "force-network-mode": network }),
    ...prefixed("build-arg:", "args", options.args ?? {}),
    ...prefixed("label:", "labels", options.labels ?? {}),
    ...attestationAttrs(options.attest ?? {}),
  };
}

function prefixed(
  prefix: string,
  argument: string,
  values: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  checkTexts(argument, values);
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`${prefix}${name}`, value]));
}

function platformText(platform: string | Platform): string {
  if (typeof platform !== "string") return formatPlatform(platform);
  parsePlatform(platform);
  return platform;
}

function isOfSession(source: ContextSource): source is SessionLocal {
  return typeof source === "object" && "local" in source;
}

/** Anything with a scheme, and git's short form `user@host:path`. */
function isRemote(source: ContextSource): source is string {
  if (typeof source !== "string") return false;
  return /^[a-z][a-z0-9+.-]*:\/\//.test(source) || /^[\w.-]+@[\w.-]+:/.test(source);
}
