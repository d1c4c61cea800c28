// errdefs: details of BuildKit's errors.
export * from "./gen/errdefs/errdefs_pb.ts";
