import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { bundleForBrowser, graphProgram } from "../../../test/support/browser-bundle.ts";

describe("the main entry, bundled for browsers", () => {
  it("needs no module of Node, and no protobuf runtime", async () => {
    const { inputs } = await bundleForBrowser(graphProgram);
    expect(inputs.filter((input) => /sha256\/node|@bufbuild|packages\/proto/.test(input))).toEqual([]);
    expect(inputs.some((input) => input.includes("@noble/hashes"))).toBe(true);
  });

  it("runs where there is nothing but what the web platform has, and gives the digest that Node gives", async () => {
    const { script } = await bundleForBrowser(graphProgram);
    const page: Record<string, unknown> = { TextEncoder, TextDecoder, crypto, atob, btoa };
    runInNewContext(script, page);
    const { digest } = await inNode();
    expect(page["graphDigest"]).toBe(digest);
  });

  it("stays small", async () => {
    const { bytes } = await bundleForBrowser(graphProgram, { minify: true });
    expect(bytes).toBeLessThan(100_000);
  });
});

/** The same graph, by the sources and Node's own SHA-256. */
async function inNode(): Promise<{ readonly digest: string | undefined }> {
  const llb = await import("@buildkit-node/llb");
  const body = graphProgram.replace(/^import .*$/m, "");
  new Function("llb", body)(llb);
  return { digest: (globalThis as { graphDigest?: string }).graphDigest };
}
