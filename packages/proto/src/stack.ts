// stack: Go stack traces in errors.
export * from "./gen/stack/stack_pb.ts";
