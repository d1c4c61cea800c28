import * as llb from "@buildkit-node/llb";
import fc from "fast-check";

/** A short name that is valid wherever a name is. */
export const name: fc.Arbitrary<string> = fc.stringMatching(/^[a-z][a-z0-9]{0,5}$/);

/** Any text that has a UTF-8 form. */
export const anyText: fc.Arbitrary<string> = fc
  .string({ unit: "binary" })
  .filter((text) => !/[\ud800-\udfff]/u.test(text));

export const filledText: fc.Arbitrary<string> = anyText.filter((text) => text !== "");

export const path: fc.Arbitrary<string> = fc
  .array(fc.oneof(name, fc.constantFrom(".", "..", "")), { maxLength: 4 })
  .map((parts) => parts.join("/"));

export const texts: fc.Arbitrary<string[]> = fc.array(anyText, { maxLength: 3 });

export const int64: fc.Arbitrary<number | bigint> = fc.oneof(
  fc.maxSafeInteger(),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
);

export const digest: fc.Arbitrary<string> = fc.stringMatching(/^[0-9a-f]{64}$/).map((hex) => `sha256:${hex}`);

/** Names that the objects of JavaScript treat in ways of their own are among the keys. */
export const dictionary: fc.Arbitrary<Record<string, string>> = fc.dictionary(
  fc.oneof(anyText, fc.constantFrom("10", "9", "__proto__")),
  anyText,
  { maxKeys: 3 },
);

export const platform: fc.Arbitrary<llb.PlatformOption> = fc.oneof(
  fc.constantFrom("linux/arm64", "linux/arm/v7", "windows/amd64"),
  fc.record(
    { os: anyText, architecture: anyText, variant: anyText, osVersion: anyText, osFeatures: texts },
    { requiredKeys: ["os", "architecture"] },
  ),
);

const limits = fc.record(
  {
    memoryBytes: int64,
    memorySwapBytes: int64,
    cpuShares: int64,
    cpuPeriodUs: int64,
    cpuQuotaUs: int64,
    cpusetCpus: anyText,
    cpusetMems: anyText,
  },
  { requiredKeys: [] },
);

const place = fc.record({ line: fc.nat(99), character: fc.nat(99) });

const location = fc
  .record({
    filename: name,
    language: name,
    data: anyText,
    start: place,
    end: fc.option(place),
    isMade: fc.boolean(),
  })
  .map(({ filename, language, data, start, end, isMade }) =>
    llb
      .sourceMap({ filename, language, data, ...(isMade && { state: llb.local("sources") }) })
      .location(end === null ? { start } : { start, end }),
  );

/** What every step takes. */
export const step: fc.Arbitrary<llb.StepOptions> = fc.record(
  {
    name: anyText,
    description: dictionary,
    ignoreCache: fc.boolean(),
    exportCache: fc.boolean(),
    platform,
    progressGroup: fc.record({ id: name, name: anyText, weak: fc.boolean() }),
    resources: limits,
    require: texts,
    localUniqueId: anyText,
    locations: fc.array(location, { maxLength: 2 }),
  },
  { requiredKeys: [] },
);

/** Step options and others, all of them absent at times. */
export function withStep<T>(
  others: { [Key in keyof T]: fc.Arbitrary<T[Key]> },
): fc.Arbitrary<llb.StepOptions & Partial<T>> {
  return fc
    .tuple(step, fc.record(others, { requiredKeys: [] }))
    .map(([given, own]) => ({ ...given, ...own }) as llb.StepOptions & Partial<T>);
}
