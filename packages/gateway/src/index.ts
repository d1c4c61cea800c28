export type {
  Attestation,
  AttestationBundle,
  AttestationSubject,
  InTotoAttestation,
} from "./attestation.ts";
export { type Capabilities, type Capability, hasCapability, requireCapability } from "./capabilities.ts";
export type { Container, ContainerOptions, RunResult } from "./container/container.ts";
export { ContainerError } from "./container/container-error.ts";
export type { DebugOptions, FailedProcess } from "./container/debug-container.ts";
export type {
  CacheMount,
  ContainerMount,
  SecretMount,
  SshMount,
  TmpfsMount,
  TreeMount,
} from "./container/mount.ts";
export type { ContainerProcess, ExitStatus, TerminalSize } from "./container/process.ts";
export type { SignalName } from "./container/signal-name.ts";
export type { ProcessOptions } from "./container/start-process.ts";
export { type CopyImagesOptions, copyImages, type ImageCopy } from "./copy-images.ts";
export type { Graph } from "./definition.ts";
export { FileError, type FileProblem } from "./file-error.ts";
export type { FileRange, ReadDirOptions, ReadFileOptions, WalkEntry } from "./file-reader.ts";
export type { FileKind, FileStat } from "./file-stat.ts";
export type {
  CacheImport,
  FrontendRequest,
  Gateway,
  GatewayWorker,
  SolveOptions,
  Warning,
} from "./gateway.ts";
export { Reference } from "./reference.ts";
export { ImageError, type ImageProblem } from "./resolve/image-error.ts";
export type { ImageRequest } from "./resolve/resolve-image.ts";
export type {
  ImageAttestation,
  ImagePlatform,
  ImageStatement,
  ResolvedImage,
} from "./resolve/resolved-image.ts";
export type {
  GitMeta,
  HttpMeta,
  ImageMeta,
  SourceMeta,
  SourceMetaRequest,
} from "./resolve/source-meta.ts";
export {
  type BuildOutput,
  imageResult,
  type PlatformResult,
  type Result,
  resultConfig,
} from "./result.ts";
export { type BuildFunction, type BuildFunctionOptions, runBuildFunction } from "./run-build-function.ts";
export { SourceError, sourcesOf } from "./source-error.ts";
