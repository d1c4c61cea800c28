import { readFileSync } from "node:fs";
import * as llb from "@buildkit-node/llb";
import { describe, expect, it } from "vitest";
import { definition as cacheMiss, fields } from "./examples/cache-miss.ts";
import { definition as goBinary } from "./examples/go-binary.ts";
import { definitions as imageConfig } from "./examples/image-config.ts";
import { definition as layers } from "./examples/layers.ts";
import { definition as nodeApp } from "./examples/node-app.ts";

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
const blocks = (language: string) =>
  [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, "gm"))].map(([, block]) => block);

describe("the examples of the README", () => {
  it.each(["node-app", "go-binary", "image-config", "layers", "cache-miss"])(
    "%s is the one that is tested",
    (name) => {
      expect(blocks("ts")).toContain(readFileSync(new URL(`./examples/${name}.ts`, import.meta.url), "utf8"));
    },
  );

  it("show graphs as they are", () => {
    expect(blocks("mermaid")).toContain(llb.toMermaid(nodeApp));
    expect(blocks("dot")).toContain(llb.toDot(nodeApp));
  });

  it("make what they say", () => {
    expect(goBinary.vertices.at(-2)?.op.file?.actions).toMatchObject([
      { mkdir: { path: "/etc" } },
      { mkfile: { path: "/etc/passwd" } },
      { copy: { dest: "/server", owner: { user: { byId: 1000 }, group: { byId: 1000 } } } },
    ]);
    expect(goBinary.head).toBe(goBinary.digests.at(-2));
    expect(
      imageConfig.map(({ vertices: [image, run] }) => [
        image?.op.source?.identifier,
        run?.op.exec?.meta?.cwd,
      ]),
    ).toEqual([
      [`docker-image://docker.io/library/python:3.12@sha256:${"b".repeat(64)}`, "/srv"],
      [`docker-image://docker.io/library/python:3.12@sha256:${"a".repeat(64)}`, "/srv"],
    ]);
    expect(layers.vertices.at(-2)?.op.merge?.inputs).toHaveLength(4);
    expect(fields).toEqual([
      { path: "op.exec.meta.env[0]", before: "RELEASE=1.2.3", after: "RELEASE=1.2.4" },
    ]);
    expect(cacheMiss.vertices.at(-2)?.metadata.ignoreCache).toBe(true);
  });
});
