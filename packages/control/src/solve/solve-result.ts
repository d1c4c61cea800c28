/** What a build that succeeded leaves behind. */
export interface SolveResult {
  /** The build's reference. */
  readonly ref: string;
  /**
   * What exporters, cache exporters and the frontend answered, such as `containerimage.digest`. All exporters share it:
   * where two answer under one name, the later one's value is left.
   */
  readonly response: Readonly<Record<string, string>>;
}
