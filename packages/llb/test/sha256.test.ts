import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { sha256 as native } from "../src/sha256/node.ts";
import { sha256 as portable } from "../src/sha256/portable.ts";

describe.each([
  ["Node's", native],
  ["the portable", portable],
])("%s SHA-256", (_, sha256) => {
  it.each([0, 1, 55, 56, 64, 1000, 100_000])("hashes %i bytes at once", (length) => {
    const bytes = Uint8Array.from({ length }, (_, at) => at * 7);
    const expected = createHash("sha256").update(bytes).digest();
    expect(sha256.hex(bytes)).toBe(expected.toString("hex"));
    expect(sha256.encode(bytes)).toEqual(new Uint8Array(expected));
    expect(sha256.digest(bytes)).toMatchObject({ code: 0x12, size: 32, digest: new Uint8Array(expected) });
  });
});
