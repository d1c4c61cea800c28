import type { Result } from "@buildkit-node/gateway";
import type { SourceLocation } from "@buildkit-node/llb";
import { AnswerSources, answer, type Subrequest } from "./subrequest.ts";
import { textTable } from "./text-table.ts";

/** Something that a build can be asked for by name. */
export interface Target {
  readonly name: string;
  readonly description?: string;
  /** Whether it is built when no target is named. */
  readonly default?: boolean;
  /** The image that it starts from. */
  readonly base?: string;
  readonly platform?: string;
  readonly location?: SourceLocation;
}

export const targetsSubrequest: Subrequest = {
  name: "frontend.targets",
  version: "1.0.0",
  description: "List all targets current build supports",
  metadata: [{ name: "result.json" }, { name: "result.txt" }],
};

export function targetsResult(targets: readonly Target[]): Result {
  const sources = new AnswerSources();
  const list = targets.map(({ location, ...rest }) => ({ ...rest, location: sources.locate(location) }));
  const rows = targets.map((target) => [titleOf(target), target.description ?? ""]);
  return answer(
    targetsSubrequest,
    { targets: list, sources: sources.contents },
    { "result.txt": textTable([["TARGET", "DESCRIPTION"], ...rows]) },
  );
}

function titleOf({ name, default: isDefault = false }: Target): string {
  if (!isDefault) return name;
  return name === "" ? "(default)" : `${name} (default)`;
}
