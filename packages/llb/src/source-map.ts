import type { Range } from "@buildkit-node/core";
import type { State } from "./state.ts";
import { checkTexts } from "./text.ts";

/** A place in a source file, from which an end may be missing. */
export type LocationRange = Range | { readonly start: Range["start"]; readonly end?: Range["start"] };

/** Ranges of a file that a step came from. */
export interface SourceLocation {
  readonly map: SourceMap;
  readonly ranges: readonly LocationRange[];
}

/** A source file that steps are made from: the daemon shows its lines when a step fails. */
export interface SourceMap {
  readonly filename: string;
  /** In the words of GitHub's linguist, such as `Dockerfile` or `TypeScript`. */
  readonly language: string;
  readonly data: Uint8Array;
  /** Where the file comes from, when the build gets it from a source of its own. */
  readonly state?: State;
  /** A place in this file, for the `locations` of a step. */
  location(...ranges: readonly LocationRange[]): SourceLocation;
}

/** Describes a source file. Two maps of equal name, language and data count as one file. */
export function sourceMap(options: {
  readonly filename: string;
  readonly language?: string;
  readonly data: string | Uint8Array;
  readonly state?: State;
}): SourceMap {
  const { filename, language = "", data, state } = options;
  checkTexts([filename, language], sourceMap);
  const map: SourceMap = Object.freeze({
    filename,
    language,
    data: typeof data === "string" ? new TextEncoder().encode(data) : Uint8Array.from(data),
    ...(state !== undefined && { state }),
    location: (...ranges: readonly LocationRange[]): SourceLocation =>
      Object.freeze({ map, ranges: Object.freeze([...ranges]) }),
  });
  return map;
}
