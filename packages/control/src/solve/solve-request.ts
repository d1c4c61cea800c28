import { create } from "@bufbuild/protobuf";
import { type SolveRequest, SolveRequestSchema } from "@buildkit-node/proto/control";
import { policyToProto, type SourceRule } from "./source-rule.ts";

/** A type with attributes, as exporters and caches are named to the daemon. */
export interface TypedAttrs {
  readonly type: string;
  readonly attrs: Readonly<Record<string, string>>;
}

/** Everything that a build asks of the daemon. */
export interface SolveFields {
  readonly ref: string;
  readonly session: string;
  /** Marshalled; absent for a frontend's build. */
  readonly definition?: Uint8Array;
  /** Empty for a definition. */
  readonly frontend: string;
  readonly frontendAttrs: Readonly<Record<string, string>>;
  /** Marshalled, by name. */
  readonly frontendInputs: Readonly<Record<string, Uint8Array>>;
  readonly exporters: readonly TypedAttrs[];
  readonly cacheImports: readonly TypedAttrs[];
  readonly cacheExports: readonly TypedAttrs[];
  readonly entitlements: readonly string[];
  readonly internal: boolean;
  readonly sourceRules?: readonly SourceRule[];
  /** Whether the session is asked for more exporters. */
  readonly sessionExporters: boolean;
  /** Whether the session is asked about each source. */
  readonly sourcePolicy: boolean;
  readonly compatibilityVersion: number;
  readonly proxyNetwork: boolean;
}

export function solveRequestToProto(fields: SolveFields): SolveRequest {
  const [first] = fields.exporters;
  return create(SolveRequestSchema, {
    Ref: fields.ref,
    Session: fields.session,
    ...(fields.definition && { Definition: fields.definition }),
    Frontend: fields.frontend,
    FrontendAttrs: fields.frontendAttrs,
    FrontendInputs: fields.frontendInputs,
    // Daemons before 0.13 know one exporter, under these names; newer ones ignore them when there is a list.
    ExporterDeprecated: first?.type ?? "",
    ExporterAttrsDeprecated: first?.attrs ?? {},
    Exporters: fields.exporters.map(({ type, attrs }) => ({ Type: type, Attrs: attrs })),
    Cache: {
      Imports: fields.cacheImports.map(({ type, attrs }) => ({ Type: type, Attrs: attrs })),
      Exports: fields.cacheExports.map(({ type, attrs }) => ({ Type: type, Attrs: attrs })),
    },
    Entitlements: [...fields.entitlements],
    Internal: fields.internal,
    ...(fields.sourceRules && { SourcePolicy: policyToProto(fields.sourceRules) }),
    EnableSessionExporter: fields.sessionExporters,
    SourcePolicySession: fields.sourcePolicy ? fields.session : "",
    CompatibilityVersion: BigInt(fields.compatibilityVersion),
    ProxyNetwork: fields.proxyNetwork,
  });
}
