// google.rpc: errors of calls.
export * from "./gen/google/rpc/status_pb.ts";
