import { type Image, type ImageConfig, normalizePlatform, type Platform } from "@buildkit-node/oci";
import { LlbError, shown } from "./error.ts";
import { dirBelow } from "./path.ts";
import type { Place } from "./place.ts";
import { changed, type Settings } from "./settings.ts";
import type { State } from "./state.ts";
import { checkTexts } from "./text.ts";

/**
 * Reads an image config. In JSON the names of fields are matched without regard to case, as Go does.
 *
 * @throws LlbError with reason `image-config` for anything that is no image config
 */
export function readImageConfig(config: Image | string | Uint8Array, place: Place): Image {
  const image = typeof config === "string" || config instanceof Uint8Array ? parse(config, place) : config;
  const problem = problemOf(image);
  if (problem !== undefined) {
    throw new LlbError(`the image config cannot be used: ${problem}`, {
      reason: "image-config",
      value: config,
      place,
    });
  }
  checkTexts([...(image.config?.Env ?? []), image.config?.WorkingDir], place);
  return image;
}

/** Applies an image's variables, directory and platform. The user and the command are not applied, as in Go. */
export function withImage(settings: Settings, image: Image): Settings {
  let env = settings.env;
  for (const text of image.config?.Env ?? []) {
    const equals = text.indexOf("=");
    const name = equals < 0 ? text : text.slice(0, equals);
    if (name !== "") {
      env = env.set(name, equals < 0 ? "" : text.slice(equals + 1));
    }
  }
  const platform = platformOfImage(image);
  return changed(settings, {
    env,
    dir: dirBelow(settings.dir, image.config?.WorkingDir ?? ""),
    image,
    ...(platform !== undefined && { platform: normalizePlatform(platform) }),
  });
}

/**
 * The image config that a state stands for: what `base` or else the last applied config says, with the state's variables,
 * directory, user and platform in it. Used when the state is exported as an image.
 *
 * @param base the base image's config, where it was not applied to the state: then its directory counts unless the state has
 * gone to another

 * @throws LlbError with reason `unresolved` for a state that waits for something
 */
export function imageConfigOf(state: State, base?: Image): Image {
  const { env, dir, user, platform, image } = state.settings;
  const from = base ?? image ?? {};
  const inherited = new Map((from.config?.Env ?? []).map((text) => [text.split("=", 1)[0] ?? "", text]));
  for (const [name, value] of env) {
    inherited.set(name, `${name}=${value}`);
  }
  const config: ImageConfig = {
    ...from.config,
    ...(inherited.size > 0 && { Env: [...inherited.values()] }),
    ...((dir !== "/" || (base === undefined && from.config?.WorkingDir !== undefined)) && {
      WorkingDir: dir,
    }),
    ...(user !== "" && { User: user }),
  };
  return { ...from, ...(platform !== undefined && platformFields(platform)), config };
}

function platformOfImage(image: Image): Platform | undefined {
  const { os, architecture, variant, "os.version": osVersion, "os.features": osFeatures } = image;
  if (os === undefined || os === "" || architecture === undefined || architecture === "") {
    return undefined;
  }
  return {
    os,
    architecture,
    ...(variant !== undefined && { variant }),
    ...(osVersion !== undefined && { osVersion }),
    ...(osFeatures !== undefined && { osFeatures }),
  };
}

function platformFields(platform: Platform): Partial<Image> {
  return {
    os: platform.os,
    architecture: platform.architecture,
    ...(platform.variant !== undefined && { variant: platform.variant }),
    ...(platform.osVersion !== undefined && { "os.version": platform.osVersion }),
    ...(platform.osFeatures !== undefined && { "os.features": platform.osFeatures }),
  };
}

const imageFields = ["os", "architecture", "variant", "os.version", "os.features", "config"] as const;
const configFields = ["User", "Env", "Entrypoint", "Cmd", "WorkingDir", "Labels"] as const;

function parse(json: string | Uint8Array, place: Place): Image {
  let value: unknown;
  try {
    value = JSON.parse(typeof json === "string" ? json : new TextDecoder().decode(json));
  } catch (cause) {
    throw new LlbError(`the image config is not JSON: ${shown(json)}`, {
      reason: "image-config",
      value: json,
      place,
      cause,
    });
  }
  if (value === null) {
    return {};
  }
  const image = spelled(value, imageFields);
  return (
    isObject(image) && "config" in image
      ? { ...image, config: spelled(image["config"], configFields) }
      : image
  ) as Image;
}

/** The object with the names that are known spelled as they are known; a null counts as absent. */
function spelled(value: unknown, names: readonly string[]): unknown {
  if (!isObject(value)) {
    return value;
  }
  const known = new Map(names.map((name) => [name.toLowerCase(), name]));
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== null)
      .map(([name, item]) => [known.get(name.toLowerCase()) ?? name, item]),
  );
}

/** Why a value is no image config, as far as it is used here. */
function problemOf(image: unknown): string | undefined {
  if (!isObject(image)) {
    return `it is ${shown(image)}, not an object`;
  }
  const config = image["config"] ?? {};
  if (!isObject(config)) {
    return `its config is ${shown(config)}, not an object`;
  }
  for (const name of ["os", "architecture", "variant", "os.version"]) {
    if (!isOptional(image[name], isText)) {
      return `its ${name} is ${shown(image[name])}, not a text`;
    }
  }
  if (!isOptional(image["os.features"], isTexts)) {
    return `its os.features are ${shown(image["os.features"])}, not a list of texts`;
  }
  if (!isOptional(config["Env"], isTexts)) {
    return `its Env is ${shown(config["Env"])}, not a list of texts`;
  }
  return isOptional(config["WorkingDir"], isText)
    ? undefined
    : `its WorkingDir is ${shown(config["WorkingDir"])}, not a text`;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isOptional(value: unknown, check: (value: unknown) => boolean): boolean {
  return value === undefined || check(value);
}

function isText(value: unknown): boolean {
  return typeof value === "string";
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every(isText);
}
