// What the packages of this workspace and connect use of protobuf-es besides the generated code. In what is published, all of
// it comes from here, and only what is used: loading protobuf-es as it is takes a hundred files.
export { create, fromBinary, toBinary } from "@bufbuild/protobuf";
export { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
export {
  EmptySchema,
  file_google_protobuf_any,
  file_google_protobuf_empty,
  file_google_protobuf_field_mask,
  file_google_protobuf_timestamp,
  timestampDate,
  timestampFromDate,
  timestampMs,
} from "@bufbuild/protobuf/wkt";
export { enumDesc, fileDesc, messageDesc, serviceDesc } from "#codegen";
