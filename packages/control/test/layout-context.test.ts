import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { emptyIndex, putInIndex } from "@buildkit-node/oci";
import { updateLayoutIndex } from "@buildkit-node/session";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { layoutImage } from "../src/solve/layout-context.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), "layout-context-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const digest = (digit: string) => `sha256:${digit.repeat(64)}` as const;
const put = (digit: string, tag: string) =>
  updateLayoutIndex(dir, (index) =>
    putInIndex(index, { mediaType: "m", digest: digest(digit), size: 1 }, [{ tag }]),
  );
const find = (suffix: string) => layoutImage("contexts.base", `oci-layout://${dir}${suffix}`);

describe("a context that is an image in a layout", () => {
  it("is found by its digest, its tag, or alone", async () => {
    await put("1", "one");
    expect(find("")).toEqual({ dir, digest: digest("1") });
    await put("2", "latest");
    await put("3", "three");
    expect(find("")).toEqual({ dir, digest: digest("2") });
    expect(find(":three")).toEqual({ dir, digest: digest("3") });
    expect(find(`@${digest("9")}`)).toEqual({ dir, digest: digest("9") });
    expect(layoutImage("contexts.base", "docker-image://alpine")).toBeUndefined();
  });

  it("says what is wrong", async () => {
    expect(() => find("")).toThrow("is not an OCI layout");
    await writeFile(path.join(dir, "index.json"), "[]");
    expect(() => find("")).toThrow("is not an OCI layout");
    await writeFile(path.join(dir, "index.json"), JSON.stringify(emptyIndex));
    expect(() => find(":x")).toThrow("has no image x");
    expect(() => find("")).toThrow("neither a single image nor one of the tag latest");
    expect(() => find("@sha256:12")).toThrow("does not end in a digest");
  });
});
