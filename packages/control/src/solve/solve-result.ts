import type { ResultOf } from "@buildkit-node/exporters";
import type { Exporters } from "./solve-options.ts";

/** What a build that succeeded leaves behind. */
export interface SolveResult<E extends Exporters = Exporters> {
  /** The build's reference. */
  readonly ref: string;
  /** What each exporter of `exports` says of the result, in the same order. */
  readonly exports: { readonly [Index in keyof E]: ResultOf<E[Index]> };
  /**
   * What exporters, cache exporters and the frontend answered, such as `containerimage.digest`. All exporters share it:
   * where two answer under one name, the later one's value is left.
   */
  readonly response: Readonly<Record<string, string>>;
}
