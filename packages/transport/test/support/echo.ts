import { create, createFileRegistry } from "@bufbuild/protobuf";
import type { GenService } from "@bufbuild/protobuf/codegenv2";
import {
  FileDescriptorProtoSchema,
  file_google_protobuf_wrappers,
  type StringValueSchema,
} from "@bufbuild/protobuf/wkt";

type EchoService = GenService<{
  once: { methodKind: "unary"; input: typeof StringValueSchema; output: typeof StringValueSchema };
  many: { methodKind: "server_streaming"; input: typeof StringValueSchema; output: typeof StringValueSchema };
  gather: {
    methodKind: "client_streaming";
    input: typeof StringValueSchema;
    output: typeof StringValueSchema;
  };
  talk: { methodKind: "bidi_streaming"; input: typeof StringValueSchema; output: typeof StringValueSchema };
}>;

/** A service of this test's own: nothing here depends on what a daemon offers. */
export const Echo: EchoService = makeService() as EchoService;

function makeService() {
  const value = ".google.protobuf.StringValue";
  const proto = create(FileDescriptorProtoSchema, {
    name: "test/echo.proto",
    package: "test",
    syntax: "proto3",
    dependency: ["google/protobuf/wrappers.proto"],
    service: [
      {
        name: "Echo",
        method: [
          { name: "Once", inputType: value, outputType: value },
          { name: "Many", inputType: value, outputType: value, serverStreaming: true },
          { name: "Gather", inputType: value, outputType: value, clientStreaming: true },
          {
            name: "Talk",
            inputType: value,
            outputType: value,
            clientStreaming: true,
            serverStreaming: true,
          },
        ],
      },
    ],
  });
  const service = createFileRegistry(proto, () => file_google_protobuf_wrappers).getService("test.Echo");
  if (service === undefined) throw new Error("the registry lost the service");
  return service;
}
