import {
  copy,
  diff,
  image,
  local,
  marshal,
  merge,
  mkfile,
  ociLayout,
  rm,
  type State,
  scratch,
} from "@buildkit-node/llb";
import { describe, expect, it } from "vitest";
import { baseImageOf } from "../src/solve/base-image.ts";

const platform = { os: "linux", architecture: "amd64" };
const baseOf = (state: State) => baseImageOf(marshal(state, { platform }))?.ref;

describe("the image that a graph starts from", () => {
  const alpine = image("alpine");
  const other = image("other");
  const ref = "docker.io/library/alpine:latest";

  it("lies below steps and files", () => {
    expect(baseOf(alpine)).toBe(ref);
    const state = alpine
      .run(["one"], { mounts: [] })
      .file([mkfile("/a", "x"), rm("/b"), copy(other, "c", "d")])
      .file(copy(local("context"), ".", "."))
      .run(["two"]);
    expect(baseOf(state)).toBe(ref);
  });

  it("is the first of those that are merged", () => {
    expect(baseOf(merge([alpine, other.file(mkfile("/a", "x"))]))).toBe(ref);
  });

  it("is none of nothing, of a directory, and of a difference", () => {
    expect(baseOf(scratch())).toBeUndefined();
    expect(baseOf(scratch().file(copy(alpine, "a", "b")))).toBeUndefined();
    expect(baseOf(local("context"))).toBeUndefined();
    expect(baseOf(diff(alpine, alpine.file(mkfile("/a", "x"))))).toBeUndefined();
  });

  it("is looked up as it will be fetched", () => {
    const state = image("alpine", { resolveMode: "local" }).file(mkfile("/a", "x"));
    expect(baseImageOf(marshal(state, { platform }))).toEqual({ ref, resolveMode: "local" });
  });

  it("may lie in an OCI layout", () => {
    const digest = `sha256:${"a".repeat(64)}`;
    const state = ociLayout(`layout/base@${digest}`, { store: "layout", session: "other" }).file(
      mkfile("/a", "x"),
    );
    expect(baseImageOf(marshal(state, { platform }))).toEqual({
      ref: `layout/base@${digest}`,
      resolveMode: "default",
      layout: { store: "layout", session: "other" },
    });
  });
});
