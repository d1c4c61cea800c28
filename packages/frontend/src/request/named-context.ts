import { InvalidArgumentError } from "@buildkit-node/core";
import { http, image, local, ociLayout, type State, scratch } from "@buildkit-node/llb";
import {
  formatPlatform,
  formatReference,
  type Image,
  type Platform,
  parseReference,
  withDefaultTag,
} from "@buildkit-node/oci";
import { type BuildPlace, ignorePatterns, sessionOf } from "./build-context.ts";
import { gitContext } from "./git-context.ts";

/** What the caller has put in the place of a name: `docker build --build-context name=…`. */
export interface NamedContext {
  readonly state: State;
  /** The config of an image; absent for plain files. */
  readonly config?: Image;
}

/** The key of an image's config in the metadata of an input. */
const configKey = "containerimage.config";

/**
 * What stands in the place of a name, or undefined. What is given for one platform goes before what is given for all.
 *
 * @throws {InvalidArgumentError} for a value that cannot be understood
 */
export async function namedContext(
  place: BuildPlace,
  name: string,
  platform: Platform,
): Promise<NamedContext | undefined> {
  const plain = familiar(name);
  const { options } = place.request;
  for (const key of [`${plain}::${formatPlatform(platform)}`, plain]) {
    const value = options[`context:${key}`];
    if (value !== undefined) return load(place, { name: plain, key, value, platform });
  }
  return undefined;
}

interface Named {
  readonly name: string;
  readonly key: string;
  readonly value: string;
  readonly platform: Platform;
}

async function load(place: BuildPlace, named: Named): Promise<NamedContext> {
  const { key, value } = named;
  const repository = gitContext(value, { name: `[context ${key}] ${value}` });
  if (repository !== undefined) return { state: repository };
  const at = value.indexOf(":");
  const [kind, rest] = [value.slice(0, at), value.slice(at + 1).replace(/^\/\//, "")];
  switch (kind) {
    case "docker-image":
      return rest === "scratch" ? { state: scratch() } : imageContext(place, named, rest);
    case "oci-layout":
      return layoutContext(place, named, rest);
    case "local":
      return { state: await localContext(place, named, rest) };
    case "http":
    case "https":
      return { state: http(value, { filename: "context", name: `[context ${key}] ${value}` }) };
    case "input":
      return inputContext(place, named, rest);
    default:
      throw invalid(
        key,
        value,
        "expected docker-image://, oci-layout://, local:, input:, a Git repository or http(s)://",
      );
  }
}

async function imageContext(place: BuildPlace, { key, platform }: Named, ref: string): Promise<NamedContext> {
  const { resolveMode } = place.request;
  const logName = `[context ${key}] load metadata for ${ref}`;
  const found = await place.gateway.resolveImageConfig(ref, { platform, resolveMode, logName });
  const state = image(found.ref, { platform, resolveMode, name: `[context ${key}] ${ref}` });
  return { state: state.imageConfig(found.raw.config), config: found.config };
}

/** `store@digest`; the name is for people. */
async function layoutContext(place: BuildPlace, named: Named, spec: string): Promise<NamedContext> {
  const { key, value, platform } = named;
  const at = spec.lastIndexOf("@");
  const store = spec.slice(0, at).replace(/:[^:/]*$/, "");
  if (at < 0 || store === "") throw invalid(key, value, "expected oci-layout://store@sha256:…");
  const { domain, path } = parseReference(named.name);
  const ref = `${domain}/${path}${spec.slice(at)}`;
  const logName = `[context ${key}] load metadata for ${ref}`;
  const found = await place.gateway.resolveImageConfig(ref, { platform, store, logName });
  const session = place.gateway.sessionId;
  const name = `[context ${key}] OCI load from client`;
  const state = ociLayout(ref, { platform, store, name, ...(session !== "" && { session }) });
  return { state: state.imageConfig(found.raw.config), config: found.config };
}

async function localContext(place: BuildPlace, { key }: Named, name: string): Promise<State> {
  const hint = `context:${key}`;
  const exclude = await ignorePatterns(place, name, hint, undefined, `[context ${key}] load .dockerignore`);
  return local(name, {
    sessionId: sessionOf(place, name),
    sharedKeyHint: place.request.options[`sharedkey:localdir:${key}`] ?? hint,
    name: `[context ${key}] load from client`,
    ...(exclude.length > 0 && { exclude }),
  });
}

async function inputContext(place: BuildPlace, { key, value }: Named, name: string): Promise<NamedContext> {
  const state = (await place.gateway.inputs()).get(name);
  if (state === undefined) throw invalid(key, value, `the build has no input ${JSON.stringify(name)}`);
  const metadata = place.request.options[`input-metadata:${name}`];
  if (metadata === undefined) return { state };
  try {
    const encoded: unknown = JSON.parse(metadata)[configKey];
    if (typeof encoded !== "string") return { state };
    const bytes = Buffer.from(encoded, "base64");
    return { state: state.imageConfig(bytes), config: JSON.parse(bytes.toString("utf8")) };
  } catch (cause) {
    throw invalid(key, value, `the metadata of the input ${JSON.stringify(name)} cannot be read`, cause);
  }
}

/** A name as `docker build` writes it: without the default host, `library/` and `:latest`. */
function familiar(name: string): string {
  const full = formatReference(withDefaultTag(parseReference(name)));
  return full.replace(/^docker\.io\/(library\/)?/, "").replace(/:latest$/, "");
}

function invalid(key: string, value: string, problem: string, cause?: unknown): InvalidArgumentError {
  const message = `the named context ${key} has the value ${JSON.stringify(value)}: ${problem}`;
  return new InvalidArgumentError(
    `context:${key}`,
    value,
    message,
    cause === undefined ? undefined : { cause },
  );
}
