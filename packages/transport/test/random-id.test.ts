import { randomId } from "@buildkit-node/transport/internal";
import { describe, expect, it } from "vitest";

describe("randomId", () => {
  it("has 25 characters of base 36 and does not repeat", () => {
    const ids = Array.from({ length: 1000 }, randomId);
    expect(ids.every((id) => /^[0-9a-z]{25}$/.test(id))).toBe(true);
    expect(new Set(ids).size).toBe(1000);
  });
});
