// moby.buildkit.v1.sourcepolicy: rules about the sources of a build.
export * from "./gen/moby/buildkit/v1/sourcepolicy/policy_pb.ts";
