/** The variables of a process. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What discovery, Docker's configuration, TLS roots and helper programs depend on outside the program. */
export interface Surroundings {
  readonly env: Environment;
  readonly platform: NodeJS.Platform;
}

/** This process's own; read when called, not before. */
export function ownSurroundings(): Surroundings {
  return { env: process.env, platform: process.platform };
}
