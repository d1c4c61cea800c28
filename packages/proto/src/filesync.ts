// moby.filesync.v1, without Auth: files to and from a daemon.
export * from "./gen/moby/filesync/v1/filesync_pb.ts";
