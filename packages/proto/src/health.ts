// grpc.health.v1: whether a service works.
export * from "./gen/grpc/health/v1/health_pb.ts";
