// opentelemetry.proto.collector.trace.v1: spans.
export * from "./gen/opentelemetry/proto/collector/trace/v1/trace_service_pb.ts";
