import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import manifest from "../package.json" with { type: "json" };

const src = new URL("../src/", import.meta.url);
const subpaths = Object.keys(manifest.exports).filter((subpath) => subpath !== "./package.json");

function generatedFilesOf(subpath: string): string[] {
  const source = readFileSync(new URL(`${subpath}.ts`, src), "utf8");
  return [...source.matchAll(/from "\.\/gen\/(.+)"/g)].map((match) => match[1]!);
}

describe("exports", () => {
  it("offers each generated file under one subpath", () => {
    const generated = readdirSync(new URL("gen/", src), { recursive: true, encoding: "utf8" });
    expect(subpaths.flatMap(generatedFilesOf).sort()).toEqual(
      generated.filter((file) => file.endsWith("_pb.ts")).sort(),
    );
  });

  it.each(subpaths)("loads %s, from sources and from the build of the same name", async (subpath) => {
    const target = manifest.exports[subpath as Exclude<keyof typeof manifest.exports, "./package.json">];
    expect(target.default).toBe(
      target["@buildkit-node/source"].replace("./src/", "./dist/").replace(".ts", ".js"),
    );
    expect(existsSync(new URL(`../${target["@buildkit-node/source"]}`, import.meta.url))).toBe(true);
    const module: object = await import(`${manifest.name}/${subpath.slice(2)}`);
    const generated = generatedFilesOf(subpath).length > 0;
    expect(Object.keys(module).some((name) => name.endsWith("Schema"))).toBe(
      generated || subpath === "./runtime",
    );
  });
});
