import type { ErrorSource } from "@buildkit-node/core";
import type { Result } from "@buildkit-node/gateway";
import type { SourceLocation } from "@buildkit-node/llb";

/** A service of a frontend other than building. */
export interface Subrequest {
  /** How callers ask for it, such as `frontend.outline`. */
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly opts?: readonly Named[];
  /** What its answer consists of. */
  readonly metadata: readonly Named[];
}

interface Named {
  readonly name: string;
  readonly description?: string;
}

/** The answer to a subrequest: metadata and no files. */
export function answer(
  subrequest: Subrequest,
  json: unknown,
  more: Readonly<Record<string, string>> = {},
): Result {
  const text = new TextEncoder();
  const metadata = {
    "result.json": `${JSON.stringify(json, undefined, 2)}`,
    ...more,
    version: subrequest.version,
  };
  return {
    metadata: new Map(Object.entries(metadata).map(([key, value]) => [key, text.encode(value)])),
    attestations: new Map(),
  };
}

/** The files that an answer points into, each once, and places in them in the form of the answer. */
export class AnswerSources {
  readonly #files: Pick<ErrorSource, "filename" | "language" | "data">[] = [];

  /** A place in a file, or undefined for none. */
  locate(location: SourceLocation | undefined): object | undefined {
    if (location === undefined) return undefined;
    const { filename, language, data } = location.map;
    let sourceIndex = this.#files.findIndex((file) => file.data === data && file.filename === filename);
    if (sourceIndex < 0) sourceIndex = this.#files.push({ filename, language, data }) - 1;
    // Go leaves zeros out.
    return { ...(sourceIndex > 0 && { sourceIndex }), ranges: location.ranges };
  }

  /** The contents alone. */
  get contents(): readonly string[] {
    return this.#files.map(({ data }) => Buffer.from(data).toString("base64"));
  }

  get infos(): readonly object[] {
    return this.#files.map(({ filename, language, data }) => ({
      filename,
      language,
      data: Buffer.from(data).toString("base64"),
    }));
  }
}
