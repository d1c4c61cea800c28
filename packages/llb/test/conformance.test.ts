import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { exemptions } from "../../../test/conformance/exemptions.ts";
import { checkVector, type Vector } from "../../../test/conformance/vectors.ts";

const file = new URL("../../../test/conformance/llb.json", import.meta.url);
const vectors = JSON.parse(readFileSync(file, "utf8")) as readonly Vector[];

describe("the vectors of the Go builder", () => {
  it.each(vectors.map((vector) => [vector.name, vector] as const))("%s", async (name, vector) => {
    const outcome = await checkVector(vector);
    expect(outcome).toMatchObject({ kind: exemptions.has(name) ? "exempt" : "identical" });
  });

  it("are exempt in twelve cases at most", () => {
    expect(exemptions.size).toBeLessThanOrEqual(12);
  });

  it("fail when an op, its metadata or an expected error differs", async () => {
    const [first, second] = vectors.filter(({ definition }) => definition !== undefined);
    expect(await checkVector({ ...first!, program: second!.program })).toMatchObject({ kind: "failed" });
    const named = first!.program.replace(/\)\s*$/, `, customName("x"))`);
    expect(await checkVector({ ...first!, program: named })).toMatchObject({ kind: "failed" });
    const { definition: _, ...withoutDefinition } = first!;
    expect(await checkVector(withoutDefinition)).toMatchObject({ kind: "failed" });
  });
});
