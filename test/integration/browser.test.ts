import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { bundleForBrowser, graphProgram } from "../support/browser-bundle.ts";
import { runInChromium } from "../support/chromium.ts";

it("marshals a graph in a browser to the digest that it has in Node", async () => {
  const { script, bytes } = await bundleForBrowser(graphProgram, { minify: true });
  console.log(`llb for browsers: ${bytes} bytes, ${gzipSync(script).length} with gzip`);
  // The same bundle in Node: all that differs is who carries it out.
  new Function(script)();
  const { graphDigest } = globalThis as { graphDigest?: string };
  expect(graphDigest).toMatch(/^sha256:/);
  const show = `document.body.insertAdjacentHTML("beforeend", "<output>" + graphDigest + "</output>");`;
  expect(await runInChromium(`${script}\n${show}`)).toBe(graphDigest);
});
