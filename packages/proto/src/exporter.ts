// moby.exporter.v1: exporters that a session adds.
export * from "./gen/moby/exporter/v1/exporter_pb.ts";
