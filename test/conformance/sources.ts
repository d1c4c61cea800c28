import { posix as path } from "node:path";
import * as llb from "@buildkit-node/llb";
import { stepOptions } from "./constraints.ts";
import type { Evaluator } from "./evaluator.ts";
import {
  type Arguments,
  flag,
  int,
  number,
  type Option,
  optional,
  StateValue,
  text,
  textMap,
  texts,
  type Value,
} from "./values.ts";

type SourceFunction = (args: Arguments, evaluator: Evaluator) => Promise<Value>;

/** The functions of the language that make a state from a source. */
export const sources: ReadonlyMap<string, SourceFunction> = new Map<string, SourceFunction>([
  ["scratch", async () => new StateValue(async () => llb.scratch())],
  ["image", source((ref, options, step) => llb.image(ref, { ...step, ...imageOptions(options) }))],
  ["imageBlob", source((ref, options, step) => llb.imageBlob(ref, { ...step, ...fileOptions(options) }))],
  [
    "ociLayoutBlob",
    source((ref, options, step) =>
      llb.ociLayoutBlob(ref, { ...step, ...fileOptions(options), store: "", ...storeOptions(options) }),
    ),
  ],
  ["ociLayout", source((ref, options, step) => llb.ociLayout(ref, { ...step, ...layoutOptions(options) }))],
  ["git", source(gitSource)],
  ["http", source((url, options, step) => llb.http(url, { ...step, ...httpOptions(options) }))],
  ["local", source((name, options, step) => llb.local(name, { ...step, ...localOptions(options) }))],
  [
    "source",
    async (args, evaluator) => {
      const step = await stepOptions(args.options);
      const attrs = Object.fromEntries(textMap(args.get("attrs")));
      return await evaluator.state(async () => llb.source(text(args.get("id")), { ...step, attrs }));
    },
  ],
]);

function source(
  make: (name: string, options: readonly Option[], step: llb.StepOptions, args: Arguments) => llb.State,
): SourceFunction {
  return async (args, evaluator) => {
    const step = await stepOptions(args.options);
    return await evaluator.state(async () => make(text(args.get(0)), args.options, step, args));
  };
}

/** The last value that an option of this name was given, converted. */
function last<T>(options: readonly Option[], name: string, convert: (value: Value) => T): T | undefined {
  return optional(options.findLast((option) => option.name === name)?.args[0], convert);
}

function has(options: readonly Option[], name: string): boolean {
  return options.some((option) => option.name === name);
}

/** An object without the entries that are undefined. */
function given<T extends object>(entries: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined)) as never;
}

function imageOptions(options: readonly Option[]): llb.ImageOptions {
  const resolver = options.findLast(({ name }) => name === "metaResolver");
  return given({
    resolveMode: last(options, "resolveMode", text) as llb.ResolveMode | undefined,
    layerLimit: last(options, "layerLimit", number),
    checksum: last(options, "checksum", text),
    internal: has(options, "internal") ? true : undefined,
    // Without a resolver the reference builder has nobody to ask, and asks for nothing.
    resolver: resolver === undefined ? undefined : resolverOf(resolver),
    resolve:
      resolver !== undefined && last(options, "resolveDigest", flag) === true
        ? ("digest" as const)
        : undefined,
  }) as llb.ImageOptions;
}

function resolverOf({ named }: Option): llb.ImageResolver {
  const error = optional(named.get("error"), text);
  const ref = optional(named.get("ref"), text);
  return {
    resolveImageConfig: async () => {
      if (error !== undefined) {
        throw new Error(error);
      }
      return {
        digest: optional(named.get("digest"), text) ?? "",
        config: optional(named.get("config"), text) ?? "",
        ...(ref !== undefined && { ref }),
      };
    },
  };
}

/** Permission bits: the reference cuts off what is beyond them, our API refuses it. */
function permissions(value: Value): number {
  return Number(int(value) & 0o777n);
}

function fileOptions(options: readonly Option[]): llb.SourceFileOptions {
  const owner = options.findLast(({ name }) => name === "chown")?.named;
  return given({
    filename: last(options, "filename", text),
    mode: last(options, "chmod", permissions),
    uid: optional(owner?.get("uid"), number),
    gid: optional(owner?.get("gid"), number),
  }) as llb.SourceFileOptions;
}

function storeOptions(options: readonly Option[]): { readonly session?: string; readonly store?: string } {
  const store = options.findLast(({ name }) => name === "ociStore")?.named;
  return given({
    session: optional(store?.get("session"), text),
    store: optional(store?.get("store"), text),
  }) as { readonly session?: string; readonly store?: string };
}

/** A checksum has no influence on an OCI layout, and our API does not offer it. */
function layoutOptions(options: readonly Option[]): { readonly layerLimit?: number } {
  return { ...storeOptions(options), ...given({ layerLimit: last(options, "layerLimit", number) }) };
}

function httpOptions(options: readonly Option[]): llb.HttpOptions {
  const headers = options.findLast(({ name }) => name === "headers")?.named;
  const signature = options.findLast(({ name }) => name === "pgpSignature")?.named;
  return {
    ...fileOptions(options),
    ...given({
      checksum: last(options, "checksum", text),
      authHeaderSecret: last(options, "authHeaderSecret", text),
    }),
    ...(headers !== undefined && {
      headers: given({
        accept: optional(headers.get("accept"), text),
        userAgent: optional(headers.get("userAgent"), text),
      }) as NonNullable<llb.HttpOptions["headers"]>,
    }),
    ...(signature !== undefined && {
      pgpSignature: {
        publicKey: text(signature.get("pubKey") ?? ""),
        signature: text(signature.get("signature") ?? ""),
      },
    }),
  } as llb.HttpOptions;
}

/**
 * The reference drops the query and the fragment of the address itself, and takes the fragment from an argument. Our
 * API refuses the first, and reads the fragment where Git users write it.
 */
function gitSource(
  address: string,
  options: readonly Option[],
  step: llb.StepOptions,
  args: Arguments,
): llb.State {
  const [, ref = "", subdir = ""] = /^([^:]*):?(.*)$/s.exec(optional(args.get("fragment"), text) ?? "") ?? [];
  const isKnown = !/^[a-zA-Z0-9]+:\/\//.test(address) || /^(https?|ssh|git):\/\//i.test(address);
  const bare = isKnown ? address.replace(/[?#].*$/s, "") : address;
  const fragment = { ref, subdir: path.join("/", subdir).slice(1).replace(/\/$/, "") };
  return llb.git(bare, { ...step, ...fragment, ...gitOptions(options) });
}

function gitOptions(options: readonly Option[]): llb.GitOptions {
  const bundle = options.findLast(({ name }) => name === "bundle")?.named;
  const knownHosts = options.filter(({ name }) => name === "knownHosts").map(({ args }) => text(args[0]));
  const switches = (["keepGitDir", "skipSubmodules", "fetchByCommit", "checkoutBundle"] as const).filter(
    (name) => has(options, name),
  );
  return {
    ...given({
      ref: last(options, "ref", text),
      subdir: last(options, "subdir", text),
      authTokenSecret: last(options, "authTokenSecret", text),
      authHeaderSecret: last(options, "authHeaderSecret", text),
      sshSocket: last(options, "sshSocket", text),
      checksum: last(options, "checksum", text),
      mtime: last(options, "mtime", text),
    }),
    ...(knownHosts.length > 0 && { knownHosts }),
    ...Object.fromEntries(switches.map((name) => [name, true])),
    ...(bundle !== undefined && {
      bundle: given({
        locator: text(bundle.get("locator")),
        session: optional(bundle.get("session"), text),
        store: optional(bundle.get("store"), text),
      }) as NonNullable<llb.GitOptions["bundle"]>,
    }),
  } as llb.GitOptions;
}

function localOptions(options: readonly Option[]): llb.LocalOptions {
  const differ = options.findLast(({ name }) => name === "differ")?.named;
  const metadataOnly = options.findLast(({ name }) => name === "metadataOnly")?.named;
  return {
    ...given({
      sessionId: last(options, "sessionID", text),
      include: last(options, "include", texts),
      exclude: last(options, "exclude", texts),
      followPaths: last(options, "followPaths", texts),
      sharedKeyHint: last(options, "sharedKeyHint", text),
    }),
    ...(differ !== undefined && {
      differ: { type: text(differ.get("type")) as "none", required: flag(differ.get("required")) },
    }),
    ...(metadataOnly !== undefined && {
      metadataOnly: { except: optional(metadataOnly.get("exceptions"), texts) ?? [] },
    }),
  } as llb.LocalOptions;
}
