// moby.buildkit.v1.apicaps: capabilities of a daemon.
export * from "./gen/moby/buildkit/v1/apicaps/caps_pb.ts";
