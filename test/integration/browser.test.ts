import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { bundleForBrowser, graphProgram } from "../support/browser-bundle.ts";
import { provideChromium, runInChromium } from "../support/chromium.ts";

/** Chromium may have to be fetched. */
const downloadMs = 900_000;

it(
  "marshals a graph in a browser to the digest that it has in Node",
  async (context) => {
    const chromium = await provideChromium();
    if (chromium === undefined)
      return context.skip("there is no Chromium on PATH, and no Debian to take it from");
    const { script, bytes } = await bundleForBrowser(graphProgram, { minify: true });
    console.log(`llb for browsers: ${bytes} bytes, ${gzipSync(script).length} with gzip`);
    // The same bundle in Node: all that differs is who carries it out.
    new Function(script)();
    const { graphDigest } = globalThis as { graphDigest?: string };
    expect(graphDigest).toMatch(/^sha256:/);
    const show = `document.body.insertAdjacentHTML("beforeend", "<output>" + graphDigest + "</output>");`;
    expect(await runInChromium(chromium, `${script}\n${show}`)).toBe(graphDigest);
  },
  downloadMs,
);
