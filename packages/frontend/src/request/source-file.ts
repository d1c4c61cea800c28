import type { ErrorSource, Range } from "@buildkit-node/core";
import { SourceError } from "@buildkit-node/gateway";
import { type SourceLocation, type SourceMap, type State, sourceMap } from "@buildkit-node/llb";

/** The file that a frontend builds from. */
export class SourceFile {
  /** As the caller named it. */
  readonly filename: string;
  /** In the words of GitHub's linguist, such as `YAML`. */
  readonly language: string;
  readonly data: Uint8Array;
  readonly text: string;
  /** For the `locations` of steps: see {@link location}. */
  readonly map: SourceMap;
  /** Digest of the step that fetched it; warnings about the file are warnings of this step. */
  readonly vertex: string;
  #lineStarts: readonly number[] | undefined;

  constructor(fields: {
    readonly filename: string;
    readonly language: string;
    readonly data: Uint8Array;
    readonly vertex: string;
    readonly state?: State;
  }) {
    const { filename, language, data, state } = fields;
    this.filename = filename;
    this.language = language;
    this.data = data;
    this.text = new TextDecoder().decode(data);
    this.map = sourceMap({ filename, language, data, ...(state !== undefined && { state }) });
    this.vertex = fields.vertex;
  }

  /** Whole lines, counted from 1. */
  lines(first: number, last: number = first): Range {
    return { start: { line: first, character: 0 }, end: { line: last, character: 0 } };
  }

  /** A part of {@link text}, by its first character and the one after its last. */
  span(start: number, end: number): Range {
    return { start: this.#position(start), end: this.#position(Math.max(start, end)) };
  }

  /** A place for the `locations` of a step: the daemon shows these lines when the step fails. */
  location(...ranges: readonly Range[]): SourceLocation {
    return this.map.location(...ranges);
  }

  /** An error that shows the file with these lines marked to whoever builds it. */
  error(message: string, range: Range, options?: { readonly cause?: unknown }): SourceError {
    const { filename, language, data } = this;
    const source: ErrorSource = { filename, language, data, ranges: [range] };
    return new SourceError(message, [source], options);
  }

  #position(offset: number): Range["start"] {
    this.#lineStarts ??= [0, ...[...this.text.matchAll(/\n/g)].map(({ index }) => index + 1)];
    const starts = this.#lineStarts;
    let line = starts.findLastIndex((start) => start <= offset);
    if (line < 0) line = 0;
    return { line: line + 1, character: offset - (starts[line] ?? 0) };
  }
}
