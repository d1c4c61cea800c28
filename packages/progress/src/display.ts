// What a program needs that shows a build and does no more with its progress.
export { type DisplayMode, type DisplayOptions, display } from "./display/display.ts";
export type { OutputStream } from "./display/output.ts";
