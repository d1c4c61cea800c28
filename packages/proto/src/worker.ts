// moby.buildkit.v1.types: workers of a daemon.
export * from "./gen/moby/buildkit/v1/types/worker_pb.ts";
