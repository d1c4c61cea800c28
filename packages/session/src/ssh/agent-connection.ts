/**
 * Our end of one connection that a build makes to its agent: takes the bytes that come from the build, and yields those
 * for it. Returns when there will be no more; the signal is aborted when the build has let go.
 */
export type AgentConnection = (
  fromBuild: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
) => AsyncIterable<Uint8Array>;
