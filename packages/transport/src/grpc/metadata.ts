/** The header lines of a request in order, names in lower case. Lines are never joined: a value may hold commas. */
export class Metadata {
  readonly pairs: readonly (readonly [name: string, value: string])[];

  constructor(pairs: readonly (readonly [name: string, value: string])[]) {
    this.pairs = pairs;
  }

  /** The first value of a name. */
  get(name: string): string | undefined {
    return this.pairs.find(([key]) => key === name)?.[1];
  }

  /** Every value of a name, one for each line. */
  getAll(name: string): string[] {
    return this.pairs.flatMap(([key, value]) => (key === name ? [value] : []));
  }
}
