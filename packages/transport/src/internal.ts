// For the other packages of this workspace: no promise is made to anybody else.

export { frameMessage, writePrefix } from "./grpc/frame-message.ts";
export { type GrpcServer, type GrpcServerOptions, serveGrpc } from "./grpc/grpc-server.ts";
export { MessageBatch } from "./grpc/message-batch.ts";
export { MessageDecoder, prefixBytes } from "./grpc/message-decoder.ts";
export { bytesMessageData, framedBytesMessage, MessageDuplex } from "./grpc/message-duplex.ts";
export { type CallResponse, readResponse } from "./grpc/read-response.ts";
export { decodeStatus, encodeStatus, type GrpcStatus, statusCode, statusName } from "./grpc/status.ts";
export { StreamLostError } from "./http2-server/http2-server-stream.ts";
export * from "./index.ts";
export { RenewedConnection } from "./renewed-connection.ts";
