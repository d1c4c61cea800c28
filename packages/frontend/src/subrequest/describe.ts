import type { Result } from "@buildkit-node/gateway";
import { answer, type Subrequest } from "./subrequest.ts";
import { textTable } from "./text-table.ts";

export const describeSubrequest: Subrequest = {
  name: "frontend.subrequests.describe",
  version: "1.0.0",
  description: "List available subrequest types",
  metadata: [{ name: "result.json" }, { name: "result.txt" }],
};

/** The subrequests of a frontend, itself among them. */
export function describeResult(subrequests: readonly Subrequest[]): Result {
  const list = subrequests.map(({ name, version, description, opts = [], metadata }) => ({
    name,
    version,
    type: "rpc",
    description,
    opts: opts.map(withDescription),
    inputs: null,
    metadata: metadata.map(withDescription),
    refs: null,
  }));
  const rows = subrequests.map(({ name, version, description }) => [
    name.replace(/^frontend\./, ""),
    version,
    description,
  ]);
  const text = textTable([["NAME", "VERSION", "DESCRIPTION"], ...rows]);
  return answer(describeSubrequest, list, { "result.txt": text });
}

function withDescription<T extends { readonly description?: string }>(named: T) {
  return { description: "", ...named };
}
