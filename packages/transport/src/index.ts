export type {
  Address,
  CommandAddress,
  DockerContainerAddress,
  DockerContextAddress,
  DockerEngineAddress,
  EngineAddress,
  KubePodAddress,
  NamedPipeAddress,
  NerdctlContainerAddress,
  PodmanContainerAddress,
  SocketAddress,
  SshAddress,
  TcpAddress,
  UnixAddress,
} from "./address.ts";
export { AddressError } from "./address-error.ts";
export { type ConnectAttempt, ConnectError, type ConnectFailure } from "./connect-error.ts";
export type { Connection, MetadataPairs } from "./connection.ts";
export { ConnectionLostError } from "./connection-lost-error.ts";
export { createDialer, createEngineDialer, type DialOptions } from "./create-dialer.ts";
export { CommandError } from "./dial/command-error.ts";
export type { Dialer } from "./dialer.ts";
export { type Candidate, candidates } from "./discover.ts";
export { formatAddress } from "./format-address.ts";
export type { CallHandler } from "./grpc/grpc-server.ts";
export { Metadata } from "./grpc/metadata.ts";
export type { ServerCall } from "./grpc/server-call.ts";
export { CallError, StatusCode, type StatusName } from "./grpc/status.ts";
export { methodPath, type UnaryContext, unary } from "./grpc/unary.ts";
export { openConnection } from "./http2-connection.ts";
export { Link, type LinkOptions } from "./link.ts";
export { parseAddress } from "./parse-address.ts";
export { scopedStream } from "./scoped-stream.ts";
export { type StatusDetail, StatusError } from "./status-error.ts";
export type { Environment, Surroundings } from "./surroundings.ts";
export type { PemSource, TlsOptions } from "./tls/tls-options.ts";
