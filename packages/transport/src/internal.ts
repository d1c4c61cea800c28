// For the other packages of this workspace: no promise is made to anybody else.

export { ClientCall } from "./grpc/client-call.ts";
export { frameMessage, writePrefix } from "./grpc/frame-message.ts";
export { type GrpcServer, type GrpcServerOptions, serveGrpc } from "./grpc/grpc-server.ts";
export { MessageBatch } from "./grpc/message-batch.ts";
export { maxMessageBytes, prefixBytes } from "./grpc/message-decoder.ts";
export { bytesMessageData, framedBytesMessage, MessageDuplex } from "./grpc/message-duplex.ts";
export { decodeStatus, encodeStatus, type GrpcStatus, statusCode, statusName } from "./grpc/status.ts";
export { StreamLostError } from "./http2/http2-stream.ts";
export * from "./index.ts";
export { randomId } from "./random-id.ts";
