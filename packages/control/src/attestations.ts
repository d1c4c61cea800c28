import { InvalidArgumentError } from "@buildkit-node/core";

/** Statements that the daemon makes about an image and puts beside it in its index (BuildKit 0.11). */
export interface AttestationOptions {
  /** How the image was made; `true` is what the daemon makes of it by default. Default: none. */
  readonly provenance?: boolean | ProvenanceOptions;
  /** What is in the image, as a scanner finds it; `true` for the daemon's own scanner. Default: none. */
  readonly sbom?: boolean | { readonly generator: string };
}

export interface ProvenanceOptions {
  /** How much is told: `max` has the build's graph and its sources' text, and with them build arguments. Default: `max`. */
  readonly mode?: "min" | "max";
  /** Of the SLSA predicate. Default: the daemon's; what it does not know fails the build. */
  readonly version?: "v0.2" | "v1";
  /** The address of what builds, for the statement's builder id. */
  readonly builderId?: string;
  /** Only for exporters that write statements into the image's index, not for files. Default: false. */
  readonly inlineOnly?: boolean;
  /** Says in the statement that the build may be repeated with the same result. Default: false. */
  readonly reproducible?: boolean;
}

/** The frontend's attributes, such as `attest:provenance`. */
export function attestationAttrs({ provenance, sbom }: AttestationOptions): Readonly<Record<string, string>> {
  return {
    ...(isAsked(provenance) && {
      "attest:provenance": provenance === true ? "" : provenanceText(provenance),
    }),
    ...(isAsked(sbom) && { "attest:sbom": sbom === true ? "" : fields({ generator: sbom.generator }) }),
  };
}

function isAsked<T extends object>(option: boolean | T | undefined): option is true | T {
  return option !== undefined && option !== false;
}

function provenanceText(options: ProvenanceOptions): string {
  const { mode, version, builderId, inlineOnly, reproducible } = options;
  return fields({
    mode: oneOf("attest.provenance.mode", mode, ["min", "max"]),
    version: oneOf("attest.provenance.version", version, ["v0.2", "v1"]),
    "builder-id": builderId,
    "inline-only": inlineOnly === true ? "true" : undefined,
    reproducible: reproducible === true ? "true" : undefined,
  });
}

function oneOf(option: string, value: string | undefined, known: readonly string[]): string | undefined {
  if (value === undefined || known.includes(value)) return value;
  throw new InvalidArgumentError(option, value, `${option} is ${known.join(" or ")}, not "${value}"`);
}

/** A line of comma-separated values, of which each is quoted that has to be. */
function fields(values: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(values).filter(([, value]) => value !== undefined);
  const texts = given.map(([name, value]) => `${name}=${value}`);
  return texts.map((text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)).join(",");
}
