import { expect, it } from "vitest";
import { engines, runtimeOf } from "../../scripts/debian/engines.ts";
import { packageSets } from "../../scripts/debian/sets.ts";

it("an engine runs with the machine's containerd and runc, unless these are of a later release than it can know", () => {
  for (const name of ["testing", "stable", "classic"] as const) {
    for (const machine of ["bookworm", "trixie", "forky"]) expect(runtimeOf(name, machine)).toBe("runtime");
  }
  expect(runtimeOf("oldest", "bookworm")).toBe("runtime");
  expect(runtimeOf("oldest", "trixie")).toBe("runtime-oldest");
  expect(packageSets["runtime-oldest"].suite).toBe(packageSets[engines.oldest.set].suite);
  expect(packageSets["runtime-oldest"].packages).toEqual(packageSets.runtime.packages);
});
