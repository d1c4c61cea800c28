export {
  type Digest,
  type DigestAlgorithm,
  type DigestText,
  digestOf,
  formatDigest,
  isDigest,
  parseDigest,
} from "./digest.ts";
export type {
  Descriptor,
  DescriptorPlatform,
  Healthcheck,
  History,
  Image,
  ImageConfig,
  Index,
  Manifest,
} from "./image.ts";
export { mediaTypes } from "./image.ts";
export {
  emptyIndex,
  findInIndex,
  imageNameAnnotation,
  type LayoutName,
  putInIndex,
  refNameAnnotation,
} from "./layout-index.ts";
export {
  formatPlatform,
  matchesPlatform,
  normalizePlatform,
  type Platform,
  type PlatformParseOptions,
  parsePlatform,
} from "./platform.ts";
export { formatReference, parseReference, type Reference, withDefaultTag } from "./reference.ts";
