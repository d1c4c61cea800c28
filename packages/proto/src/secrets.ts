// moby.buildkit.secrets.v1: secrets for a build.
export * from "./gen/moby/buildkit/secrets/v1/secrets_pb.ts";
