export { capabilities } from "./caps.ts";
export type { CommandSettings, Variables } from "./command-settings.ts";
export type { StepOptions } from "./constraints.ts";
export { Definition, type DefinitionVertex } from "./definition.ts";
export { Env } from "./env.ts";
export { LlbError, type LlbErrorReason } from "./error.ts";
export type { ExtraHost } from "./extra-host.ts";
export {
  type CopyOptions,
  type CreateOptions,
  copy,
  type FileAction,
  type FileActions,
  mkdir,
  mkfile,
  rm,
  type StagedFiles,
  staged,
  symlink,
} from "./file-action.ts";
export { fromDefinition } from "./from-definition.ts";
export { imageConfigOf } from "./image-config.ts";
export type {
  ImageClient,
  ImageResolver,
  LayoutPlace,
  LookUpOptions,
  ResolvedImage,
  ResolveMode,
} from "./image-resolver.ts";
export type { MarshalOptions } from "./marshal/base.ts";
export { marshal } from "./marshal/marshal.ts";
export { diff, merge } from "./merge.ts";
export {
  type BindMount,
  type BindOptions,
  bind,
  type CacheMount,
  type CacheSharing,
  type ContentCache,
  cache,
  type Mount,
  type MountedFileOptions,
  type SecretMount,
  type SshMount,
  secret,
  ssh,
  type TmpfsMount,
  tmpfs,
} from "./mount.ts";
export type { OwnerOption } from "./owner.ts";
export { type Passthrough, passthrough } from "./passthrough.ts";
export { captureCallSites } from "./place.ts";
export type { PlatformOption } from "./platform-option.ts";
export { type ResolveOptions, resolve } from "./resolve.ts";
export type { Device, Mounts, ProxyEnv, RunOptions } from "./run-options.ts";
export { scratch } from "./scratch.ts";
export type { NetworkMode, SecurityMode, Settings } from "./settings.ts";
export { shlex } from "./shlex.ts";
export { type LocationRange, type SourceLocation, type SourceMap, sourceMap } from "./source-map.ts";
export type { SourceFileOptions } from "./sources/file-info.ts";
export { type GitOptions, git } from "./sources/git.ts";
export { type HttpOptions, http } from "./sources/http.ts";
export { type ImageOptions, image } from "./sources/image.ts";
export { imageBlob, ociLayoutBlob } from "./sources/image-blob.ts";
export { type LocalOptions, local } from "./sources/local.ts";
export { ociLayout } from "./sources/oci-layout.ts";
export { source } from "./sources/source.ts";
export type { AsyncContext, Exec, OutputTarget, State } from "./state.ts";
export type { PassthroughInput } from "./steps/passthrough.ts";
export type { Ulimit, UlimitName } from "./ulimit.ts";
export type { Output, Vertex } from "./vertex.ts";
export {
  type DefinitionDiff,
  diffDefinitions,
  type FieldDiff,
  type VertexDiff,
  type VertexName,
} from "./views/diff.ts";
export { fromJSON, toJSON } from "./views/json.ts";
export type { OpKind } from "./views/summary.ts";
export { type PictureOptions, toDot } from "./views/to-dot.ts";
export { toMermaid } from "./views/to-mermaid.ts";
export type { LinuxResources, OpMetadata, ProgressGroup } from "./wire/definition.ts";
export type { Json, JsonObject } from "./wire/json.ts";
