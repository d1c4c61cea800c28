export { ContentError, type ContentErrorReason } from "./content/content-error.ts";
export type {
  ContentCommitOptions,
  ContentInfo,
  ContentReadOptions,
  ContentStore,
  ContentWriteOptions,
  ContentWriter,
  IngestStatus,
} from "./content/content-store.ts";
export { memoryStore } from "./content/memory-store.ts";
export { ociLayoutStore } from "./content/oci-layout-store.ts";
