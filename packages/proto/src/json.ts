// Messages as JSON. It stands apart from the runtime, of which it would be the half: few processes have a use for it.
export { fromJson, type JsonValue, toJson } from "@bufbuild/protobuf";
