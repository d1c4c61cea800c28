import type { DescMethod } from "@bufbuild/protobuf";
import type { GenService } from "#codegen";
import { StatusRequestSchema, StatusResponseSchema } from "./gen/moby/buildkit/v1/progress_pb.ts";
import { SolveRequestSchema, SolveResponseSchema } from "./gen/moby/buildkit/v1/solve_pb.ts";

type BuildService = GenService<{
  solve: { methodKind: "unary"; input: typeof SolveRequestSchema; output: typeof SolveResponseSchema };
  status: {
    methodKind: "server_streaming";
    input: typeof StatusRequestSchema;
    output: typeof StatusResponseSchema;
  };
}>;

const calls = {
  solve: { name: "Solve", methodKind: "unary", input: SolveRequestSchema, output: SolveResponseSchema },
  status: {
    name: "Status",
    methodKind: "server_streaming",
    input: StatusRequestSchema,
    output: StatusResponseSchema,
  },
} as const satisfies Record<string, Pick<DescMethod, "name" | "methodKind" | "input" | "output">>;

/**
 * What a build calls of `moby.buildkit.v1.Control`, as far as clients are made of it. With the whole service the descriptors of
 * all its messages are read, of which a build needs a third.
 */
export const BuildService: BuildService = /*@__PURE__*/ (() => {
  const parent = { kind: "service", name: "Control", typeName: "moby.buildkit.v1.Control" };
  const methods = Object.entries(calls).map(([localName, call]) => {
    return { kind: "rpc", localName, ...call, idempotency: 0, parent };
  });
  const method = Object.fromEntries(methods.map((one) => [one.localName, one]));
  return { ...parent, methods, method } as unknown as BuildService;
})();
