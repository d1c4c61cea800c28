// moby.buildkit.v1.frontend: LLBBridge, the service for frontends and for builds that a client drives.
export * from "./gen/moby/buildkit/v1/frontend/container_pb.ts";
export * from "./gen/moby/buildkit/v1/frontend/files_pb.ts";
export * from "./gen/moby/buildkit/v1/frontend/gateway_pb.ts";
export * from "./gen/moby/buildkit/v1/frontend/resolve_pb.ts";
export * from "./gen/moby/buildkit/v1/frontend/result_pb.ts";
