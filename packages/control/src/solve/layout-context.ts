import { readFileSync } from "node:fs";
import path from "node:path";
import { errorMessage, InvalidArgumentError } from "@buildkit-node/core";
import { findInIndex, type Index, isDigest } from "@buildkit-node/oci";

const scheme = "oci-layout://";

/** An image in an OCI layout of this machine. */
export interface LayoutImage {
  readonly dir: string;
  readonly digest: string;
}

/**
 * Finds the image that `oci-layout://dir`, `oci-layout://dir:name` or `oci-layout://dir@sha256:…` stands for; `undefined` for
 * any other text. A name is an image's whole name or its tag; without one it is the layout's only image, or `latest`.
 *
 * @throws {InvalidArgumentError} for a directory that is no layout, and a name that it does not have
 */
export function layoutImage(argument: string, text: string): LayoutImage | undefined {
  if (!text.startsWith(scheme)) return undefined;
  const [place = "", digest] = text.slice(scheme.length).split("@", 2);
  if (digest !== undefined) {
    if (isDigest(digest)) return { dir: path.resolve(place), digest };
    throw new InvalidArgumentError(argument, text, `${text} does not end in a digest`);
  }
  const [, dir = place, name] = /^(.*?[^/]):([^/].*)$/s.exec(place) ?? [];
  const index = readIndex(argument, text, dir);
  const found = findInIndex(index, name) ?? (name === undefined ? findInIndex(index, "latest") : undefined);
  if (found !== undefined) return { dir: path.resolve(dir), digest: found.digest };
  const wanted = name === undefined ? "neither a single image nor one of the tag latest" : `no image ${name}`;
  throw new InvalidArgumentError(argument, text, `the OCI layout ${dir} has ${wanted}`);
}

/** Writers replace the file as a whole, so that it can be read without their lock. */
function readIndex(argument: string, text: string, dir: string): Index {
  const file = path.join(dir, "index.json");
  try {
    const index: unknown = JSON.parse(readFileSync(file, "utf8"));
    if (
      typeof index === "object" &&
      index !== null &&
      "manifests" in index &&
      Array.isArray(index.manifests)
    ) {
      return index as Index;
    }
    throw new Error("it has no list of manifests");
  } catch (cause) {
    const message = `${dir} is not an OCI layout: ${errorMessage(cause)}`;
    throw new InvalidArgumentError(argument, text, message, { cause });
  }
}
