// moby.filesync.v1.Auth: credentials for registries.
export * from "./gen/moby/filesync/v1/auth_pb.ts";
