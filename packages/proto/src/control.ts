// moby.buildkit.v1: the daemon's own service, with progress, storage and history.
export { BuildService } from "./build-service.ts";
export * from "./gen/moby/buildkit/v1/control_pb.ts";
export * from "./gen/moby/buildkit/v1/history_pb.ts";
export * from "./gen/moby/buildkit/v1/progress_pb.ts";
export * from "./gen/moby/buildkit/v1/solve_pb.ts";
export * from "./gen/moby/buildkit/v1/storage_pb.ts";
