// moby.buildkit.v1.sourcepolicy.policysession: a client's own decisions about sources.
export * from "./gen/moby/buildkit/v1/sourcepolicy/policysession/policysession_pb.ts";
