export type { Attachable } from "./attachable.ts";
export { type AuthOptions, authService } from "./auth/auth-service.ts";
export { type CredentialSource, RegistryAuthError, type RegistryCredentials } from "./auth/credentials.ts";
export {
  type DockerCredentialsOptions,
  dockerCredentials,
  fixedCredentials,
} from "./auth/docker-credentials.ts";
export type { Fetch } from "./auth/fetch-token.ts";
export { ContentError, type ContentErrorReason } from "./content/content-error.ts";
export { contentService, type FindContentStore } from "./content/content-service.ts";
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
export { stagingStore } from "./content/staging-store.ts";
export {
  type BuildOutcome,
  type ExporterEntry,
  exporterService,
  type SessionExporters,
} from "./exporter/exporter-service.ts";
export type { ByteConsumer, ByteDestination } from "./file-send/byte-destination.ts";
export { type DirectorySinkOptions, directorySink, type LocalMode } from "./file-send/directory-sink.ts";
export type { ExportSink } from "./file-send/export-sink.ts";
export { type ExportSinks, fileSend } from "./file-send/file-send.ts";
export { type StreamSink, type StreamSinkOptions, streamSink } from "./file-send/stream-sink.ts";
export { type FileSyncOptions, fileSync } from "./filesync/file-sync.ts";
export type { PathUsage, TransferReport } from "./filesync/transfer-report.ts";
export { DestinationError } from "./fsutil/destination-error.ts";
export type { OnUnreadable } from "./fsutil/disk-tree.ts";
export type { Owner, Ownership } from "./fsutil/entry-metadata.ts";
export { LocalSourceError } from "./fsutil/local-source-error.ts";
export { policyService } from "./policy/policy-service.ts";
export type {
  PolicyAttestationChain,
  PolicyCheck,
  PolicyGit,
  PolicyHttp,
  PolicyImage,
  PolicyQuestion,
  PolicySource,
  PolicyVerdict,
  SourcePolicy,
} from "./policy/source-policy.ts";
export { maxSecretBytes, type SecretProvider, type SecretSource } from "./secrets/secret-source.ts";
export { type SecretsOptions, secretsService } from "./secrets/secrets-service.ts";
export { type OpenSessionOptions, openSession, type Session, type SessionState } from "./session.ts";
export { SessionError } from "./session-error.ts";
export { SshError } from "./ssh/ssh-error.ts";
export { parseSshForward, type SshForward } from "./ssh/ssh-forward.ts";
export { type SshOptions, sshService } from "./ssh/ssh-service.ts";
export { type UploadService, type UploadSource, uploadService } from "./upload/upload-service.ts";
export type { ArchiveDirectory, ArchiveDirectoryOptions } from "./virtual/archive-directory.ts";
export { type ImageDirectoryOptions, type ImageSource, imageDirectory } from "./virtual/image-directory.ts";
export { tarDirectory } from "./virtual/tar-directory.ts";
export {
  type Contents,
  type Entries,
  type VirtualDirectory,
  type VirtualDirectoryOptions,
  type VirtualEntry,
  type VirtualStat,
  type VirtualType,
  virtualDirectory,
} from "./virtual/virtual-directory.ts";
