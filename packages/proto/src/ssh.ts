// moby.sshforward.v1: SSH agents for a build.
export * from "./gen/moby/sshforward/v1/ssh_pb.ts";
