import { InvalidArgumentError } from "@buildkit-node/core";
import { formatPlatform, normalizePlatform, type Platform, parsePlatform } from "@buildkit-node/oci";

/** A note on an image (BuildKit 0.11). */
export interface Annotation {
  /** Without white space, such as `org.opencontainers.image.source`. */
  readonly key: string;
  readonly value: string;
  /**
   * Where it stands. An index is there for several platforms or attestations alone; on other images the daemon refuses the
   * last two. Default: `manifest`.
   */
  readonly level?: "manifest" | "manifest-descriptor" | "index" | "index-descriptor";
  /** Only this platform's. Default: all. */
  readonly platform?: Platform | string;
}

/** Notes on the manifest by their keys, or a list of notes with their places. */
export type Annotations = Readonly<Record<string, string>> | readonly Annotation[];

export function annotationList(annotations: Annotations): readonly Annotation[] {
  if (isList(annotations)) return annotations;
  return Object.entries(annotations).map(([key, value]) => ({ key, value }));
}

/** @throws {InvalidArgumentError} for a key that daemons do not take for one */
export function annotationAttributes(annotations: readonly Annotation[]): Record<string, string> {
  const attrs: Record<string, string> = {};
  for (const annotation of annotations) {
    const { key, value, level = "manifest", platform } = annotation;
    if (!/^\S+$/.test(key)) {
      throw new InvalidArgumentError(
        "annotations",
        annotation,
        `an annotation's key is a text without white space, not ${JSON.stringify(key)}`,
      );
    }
    const suffix = level === "manifest" ? "" : `-${level}`;
    attrs[`annotation${suffix}${platform === undefined ? "" : `[${platformId(platform)}]`}.${key}`] = value;
  }
  return attrs;
}

function platformId(platform: Platform | string): string {
  return formatPlatform(normalizePlatform(typeof platform === "string" ? parsePlatform(platform) : platform));
}

function isList(annotations: Annotations): annotations is readonly Annotation[] {
  return Array.isArray(annotations);
}
