import { InvalidArgumentError } from "@buildkit-node/core";
import { formatReference, parseReference } from "@buildkit-node/oci";
import { attributes } from "./attributes.ts";
import type { Exporter } from "./exporter.ts";
import { type ImageFacts, imageFacts } from "./image-facts.ts";
import { chosenNames, type ImageOptions, imageAttributes } from "./image-options.ts";

/** What becomes of an image in the daemon's hands. */
export interface ImageStoreOptions extends ImageOptions {
  /** Pushes it to the registries of its names. Default: false. */
  readonly push?: boolean;
  /** Pushes it without a tag; its name must have none either. Default: false. */
  readonly pushByDigest?: boolean;
  /** Whether its registry may be spoken to over HTTP, and over TLS with any certificate. Default: false. */
  readonly insecure?: boolean;
  /** Makes its files ready for containers, where the daemon has an image store. Default: false, for `moby` true. */
  readonly unpack?: boolean;
  /** Keeps it under its names, where the daemon has an image store. Default: true. */
  readonly store?: boolean;
  /** Names it `<prefix>@<digest>` besides (BuildKit 0.8); see `danglingNameEmptyOnly`. */
  readonly danglingNamePrefix?: string;
  /** Gives it the dangling name only when it has no other (BuildKit 0.21). Default: false. */
  readonly danglingNameEmptyOnly?: boolean;
  /** Names it `<name>@<digest>` besides. Default: false. */
  readonly nameCanonical?: boolean;
}

export interface ImageResult extends ImageFacts {
  readonly type: "image";
}

export interface MobyResult extends ImageFacts {
  readonly type: "moby";
}

/**
 * Makes an image in the daemon: for a registry, for its image store where it has one, or only for its digest.
 *
 * @throws {InvalidArgumentError} for options that contradict each other
 */
export function image(options: ImageStoreOptions = {}): Exporter<ImageResult> {
  return imageExporter("image", options);
}

/**
 * Puts an image into the image store of the Docker Engine that builds, of either kind; other daemons do not have this. In a
 * store without manifests its digest is the image's id.
 *
 * @throws {InvalidArgumentError} for options that contradict each other
 */
export function moby(options: ImageStoreOptions = {}): Exporter<MobyResult> {
  return imageExporter("moby", options);
}

function imageExporter<Type extends "image" | "moby">(
  type: Type,
  options: ImageStoreOptions,
): Exporter<ImageFacts & { readonly type: Type }> {
  checkStoreOptions(options);
  return {
    name: type,
    async prepare(context) {
      const attrs = { ...storeAttributes(options), ...(await imageAttributes(options, context)) };
      return {
        request: { type, attrs },
        answers: true,
        finish: async (answer) => ({ type, ...(await imageFacts({ answer, names: chosenNames(options) })) }),
        discard: async () => {},
      };
    },
  };
}

function storeAttributes(options: ImageStoreOptions): Record<string, string> {
  return attributes({
    push: options.push,
    "push-by-digest": options.pushByDigest,
    "registry.insecure": options.insecure,
    unpack: options.unpack,
    store: options.store,
    "dangling-name-prefix": options.danglingNamePrefix,
    // The daemon spells it so.
    "danging-name-empty-only": options.danglingNameEmptyOnly,
    "name-canonical": options.nameCanonical,
  });
}

function checkStoreOptions(options: ImageStoreOptions): void {
  const names = chosenNames(options);
  if (options.push === true && options.name === undefined) {
    throw new InvalidArgumentError("name", undefined, "an image that is pushed needs a name to push it to");
  }
  if (options.unpack === true && options.rewriteTimestamp === true) {
    throw new InvalidArgumentError(
      "rewriteTimestamp",
      true,
      "an image whose timestamps are rewritten cannot be unpacked: leave one of the two out",
    );
  }
  for (const name of names) {
    const reference = parseReference(name);
    if (options.pushByDigest === true && reference.tag !== undefined) {
      const untagged = formatReference({ domain: reference.domain, path: reference.path });
      const message = `an image that is pushed by its digest has no tag: name it ${untagged}`;
      throw new InvalidArgumentError("name", name, message);
    }
  }
}
