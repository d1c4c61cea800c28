export { type CredentialSource, RegistryAuthError, type RegistryCredentials } from "./auth/credentials.ts";
export {
  type DockerCredentialsOptions,
  dockerCredentials,
  fixedCredentials,
} from "./auth/docker-credentials.ts";
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
export { copyContent } from "./content/copy-content.ts";
export {
  type LayoutIndexOptions,
  readLayoutIndex,
  resolveInLayout,
  updateLayoutIndex,
} from "./content/layout-index-file.ts";
export { memoryStore } from "./content/memory-store.ts";
export { ociLayoutStore } from "./content/oci-layout-store.ts";
export { pruneLayout } from "./content/prune-layout.ts";
