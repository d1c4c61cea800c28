import {
  create,
  type DescMessage,
  type DescService,
  type MessageInitShape,
  toBinary,
} from "@bufbuild/protobuf";
import { Auth } from "@buildkit-node/proto/auth";
import { Content } from "@buildkit-node/proto/content";
import { BuildService, Control, SolveRequestSchema } from "@buildkit-node/proto/control";
import { FileSend, FileSync } from "@buildkit-node/proto/filesync";
import { LLBBridge } from "@buildkit-node/proto/gateway";
import { Health } from "@buildkit-node/proto/health";
import {
  ExecOpSchema,
  FileOpSchema,
  MetaSchema,
  MountSchema,
  OpMetadataSchema,
  PassthroughOpSchema,
  PlatformSchema,
  UserOptSchema,
} from "@buildkit-node/proto/pb";
import { PolicyVerifier } from "@buildkit-node/proto/policy-session";
import { SSH } from "@buildkit-node/proto/ssh";
import { TraceService } from "@buildkit-node/proto/trace";
import { describe, expect, it } from "vitest";

function hex<Desc extends DescMessage>(schema: Desc, init: MessageInitShape<Desc>): string {
  return Buffer.from(toBinary(schema, create(schema, init))).toString("hex");
}

/** Numbers of the fields that a message of `schema` has, by name. */
function numbers(schema: DescMessage): Record<string, number> {
  return Object.fromEntries(schema.fields.map((field) => [field.name, field.number]));
}

function paths(service: DescService): string[] {
  return service.methods.map((method) => `/${service.typeName}/${method.name}`);
}

describe("LLB on the wire", () => {
  it("numbers the fields of a platform in BuildKit's order, which is not that of the OCI specification", () => {
    const platform = { Architecture: "a", OS: "o", Variant: "v", OSVersion: "1", OSFeatures: ["f"] };
    expect(hex(PlatformSchema, platform)).toBe("0a0161" + "12016f" + "1a0176" + "220131" + "2a0166");
  });

  it("skips the numbers that BuildKit skips", () => {
    expect(numbers(FileOpSchema)).toEqual({ actions: 2 });
    expect(numbers(MetaSchema)).toMatchObject({ hostname: 7, ulimit: 9, validExitCodes: 12 });
    expect(numbers(MountSchema)).toMatchObject({ mountType: 6, TmpfsOpt: 19, SSHOpt: 22, contentCache: 24 });
    expect(numbers(OpMetadataSchema)).toMatchObject({ description: 2, export_cache: 4, caps: 5 });
    expect(numbers(ExecOpSchema)).toMatchObject({ security: 4, secretenv: 5, cdiDevices: 6 });
  });

  it("packs repeated numbers", () => {
    expect(hex(MetaSchema, { validExitCodes: [0, 1] })).toBe("62020001");
    expect(hex(PassthroughOpSchema, { outputs: [0n] })).toBe("120100");
  });

  it("writes user 0, as it is chosen rather than left out", () => {
    expect(hex(UserOptSchema, { user: { case: "byID", value: 0 } })).toBe("1000");
    expect(hex(UserOptSchema, {})).toBe("");
  });

  it("writes -1 in ten bytes", () => {
    expect(hex(MountSchema, { input: -1n })).toBe("08ffffffffffffffffff01");
  });
});

describe("services on the wire", () => {
  it("has all fields of a solve request", () => {
    expect(SolveRequestSchema.fields.map((field) => field.number)).toEqual(
      Array.from({ length: 17 }, (_, index) => index + 1),
    );
  });

  it("calls methods under BuildKit's paths", () => {
    expect(paths(Control)).toContain("/moby.buildkit.v1.Control/ListenBuildHistory");
    expect(paths(LLBBridge)).toContain("/moby.buildkit.v1.frontend.LLBBridge/StatFileContainer");
    expect(paths(FileSync)).toContain("/moby.filesync.v1.FileSync/DiffCopy");
    expect(paths(FileSend)).toEqual(["/moby.filesync.v1.FileSend/DiffCopy"]);
    expect(paths(Auth)).toContain("/moby.filesync.v1.Auth/VerifyTokenAuthority");
    expect(paths(SSH)).toContain("/moby.sshforward.v1.SSH/ForwardAgent");
    expect(paths(PolicyVerifier)).toEqual([
      "/moby.buildkit.v1.sourcepolicy.policysession.PolicyVerifier/CheckPolicy",
    ]);
    expect(paths(Content)).toContain("/containerd.services.content.v1.Content/ListStatuses");
    expect(paths(Health)).toContain("/grpc.health.v1.Health/Check");
    expect(paths(TraceService)).toEqual(["/opentelemetry.proto.collector.trace.v1.TraceService/Export"]);
  });

  it("calls of a build are those of the whole service", () => {
    const shown = ({ methods }: Pick<DescService, "methods">) =>
      methods.map(({ name, localName, methodKind, idempotency, parent, input, output }) => {
        const types = { service: parent.typeName, input: input.typeName, output: output.typeName };
        return { name, localName, methodKind, idempotency, ...types };
      });
    const whole = shown(Control);
    for (const call of shown(BuildService)) expect(whole).toContainEqual(call);
  });
});
