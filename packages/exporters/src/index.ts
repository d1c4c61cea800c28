export type { Annotation, Annotations } from "./annotation.ts";
export {
  type ArchiveOptions,
  type ArchiveResult,
  type DockerResult,
  docker,
  type LayoutOptions,
  type OciResult,
  oci,
} from "./archive.ts";
export { type CacheOnlyResult, cacheOnly } from "./cache-only.ts";
export {
  type DockerLoadOptions,
  type DockerLoadResult,
  dockerLoad,
} from "./docker-load/docker-load.ts";
export { EngineError } from "./docker-load/engine-error.ts";
export type { LoadProgress } from "./docker-load/load-image.ts";
export type {
  ExportAnswer,
  ExportContext,
  ExportDestination,
  Exporter,
  LayoutTarget,
  PreparedExport,
  ResultOf,
} from "./exporter.ts";
export { type ImageResult, type ImageStoreOptions, image, type MobyResult, moby } from "./image.ts";
export type { ImageFacts } from "./image-facts.ts";
export type { ImageOptions } from "./image-options.ts";
export { type LocalOptions, type LocalResult, local } from "./local.ts";
export { refuseSharedDestinations } from "./shared-destinations.ts";
export { type TarOptions, type TarResult, tar } from "./tar.ts";
