// moby.upload.v1: streams that a daemon fetches by URL.
export * from "./gen/moby/upload/v1/upload_pb.ts";
