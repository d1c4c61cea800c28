import { expect, it } from "vitest";
import { attestationAttrs } from "../src/attestations.ts";

it("asks for what was asked for, in the daemon's words", () => {
  expect(attestationAttrs({})).toEqual({});
  expect(attestationAttrs({ provenance: false, sbom: false })).toEqual({});
  expect(attestationAttrs({ provenance: true, sbom: true })).toEqual({
    "attest:provenance": "",
    "attest:sbom": "",
  });
  const provenance = { mode: "max", version: "v1", builderId: "https://a/b,c", reproducible: true } as const;
  expect(attestationAttrs({ provenance, sbom: { generator: "example.org/scan:1" } })).toEqual({
    "attest:provenance": 'mode=max,version=v1,"builder-id=https://a/b,c",reproducible=true',
    "attest:sbom": "generator=example.org/scan:1",
  });
});

it("refuses a mode that there is not", () => {
  const provenance = { mode: "all" as "max" };
  expect(() => attestationAttrs({ provenance })).toThrow('attest.provenance.mode is min or max, not "all"');
});
