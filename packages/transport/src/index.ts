export {
  type Address,
  AddressError,
  type ContainerAddress,
  type DockerEngineAddress,
  type HelperAddress,
  type KubePodAddress,
  type NpipeAddress,
  type SocketAddress,
  type SshAddress,
  type TcpAddress,
  type UnixAddress,
} from "./address.ts";
export { type ConnectAttempt, ConnectError, type ConnectFailure } from "./connect-error.ts";
export type { Connection, MetadataPairs } from "./connection.ts";
export { ConnectionLostError } from "./connection-lost-error.ts";
export { createDialer } from "./create-dialer.ts";
export type { Dialer } from "./dialer.ts";
export { type Candidate, candidates, defaultEngine, type Surroundings } from "./discover.ts";
export type { CallHandler } from "./grpc/grpc-server.ts";
export { Metadata } from "./grpc/metadata.ts";
export type { ServerCall } from "./grpc/server-call.ts";
export { CallError, StatusCode } from "./grpc/status.ts";
export { methodPath, type UnaryContext, unary } from "./grpc/unary.ts";
export { openConnection } from "./http2-connection.ts";
export { Link, type LinkOptions } from "./link.ts";
export { formatAddress, parseAddress } from "./parse-address.ts";
export { scopedStream } from "./scoped-stream.ts";
export { type StatusDetail, StatusError, type StatusName } from "./status-error.ts";
export { type Pem, readTlsMaterial, type TlsMaterial, type TlsOptions } from "./tls-options.ts";
