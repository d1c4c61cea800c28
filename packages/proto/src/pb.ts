// pb: LLB ops and definitions.
export * from "./gen/pb/definition_pb.ts";
export * from "./gen/pb/exec_pb.ts";
export * from "./gen/pb/file_pb.ts";
export * from "./gen/pb/ops_pb.ts";
export * from "./gen/pb/platform_pb.ts";
