export {
  defineFrontend,
  type Frontend,
  type FrontendFunction,
  type FrontendOptions,
  frontendCaps,
} from "./define-frontend.ts";
export { FrontendRequest, type PlatformBuild } from "./request/frontend-request.ts";
export { gitContext } from "./request/git-context.ts";
export type { NamedContext } from "./request/named-context.ts";
export type { RequestOptions } from "./request/request-options.ts";
export { SourceFile } from "./request/source-file.ts";
export { type FrontendProcess, runFrontend } from "./run-frontend.ts";
export type { LintWarning } from "./subrequest/lint.ts";
export type { Outline, OutlineArg, OutlineNeed } from "./subrequest/outline.ts";
export type { Target } from "./subrequest/targets.ts";
