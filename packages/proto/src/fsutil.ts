// fsutil.types: files and the packets of a file transfer.
export * from "./gen/fsutil/types/stat_pb.ts";
export * from "./gen/fsutil/types/wire_pb.ts";
