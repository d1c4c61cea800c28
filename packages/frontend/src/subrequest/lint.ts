import { type ErrorSource, errorMessage, sourceExcerpt } from "@buildkit-node/core";
import { type Result, sourcesOf } from "@buildkit-node/gateway";
import { type SourceLocation, sourceMap } from "@buildkit-node/llb";
import { AnswerSources, answer, type Subrequest } from "./subrequest.ts";

/** Something in the input that builds and yet is not as it should be. */
export interface LintWarning {
  /** The rule that it breaks, in one word. */
  readonly rule: string;
  /** What the rule is about. */
  readonly description?: string;
  /** What is wrong here. */
  readonly detail: string;
  readonly url?: string;
  readonly location?: SourceLocation;
}

export const lintSubrequest: Subrequest = {
  name: "frontend.lint",
  version: "1.0.0",
  description: "Check the build definition",
  metadata: [{ name: "result.json" }, { name: "result.txt" }, { name: "result.statuscode" }],
};

/** @param failure what keeps the input from being built at all */
export function lintResult(warnings: readonly LintWarning[], failure?: unknown): Result {
  const sources = new AnswerSources();
  const [source] = sourcesOf(failure);
  const list = warnings.map(({ rule, description, detail, url, location }) => ({
    ruleName: rule,
    description,
    url,
    detail,
    // The readers of the answer need one.
    location: sources.locate(location) ?? { sourceIndex: -1, ranges: [] },
  }));
  const buildError = failure !== undefined && {
    message: errorMessage(failure),
    location: source === undefined ? { sourceIndex: -1, ranges: [] } : sources.locate(locationOf(source)),
  };
  const json = { warnings: list, sources: sources.infos, ...(buildError && { buildError }) };
  return answer(lintSubrequest, json, {
    "result.txt": warnings.map(warningText).join(""),
    "result.statuscode": warnings.length > 0 || failure !== undefined ? "1" : "0",
  });
}

function locationOf({ filename, language, data, ranges }: ErrorSource): SourceLocation {
  return sourceMap({ filename, language, data }).location(...ranges);
}

function warningText({ rule, detail, url, location }: LintWarning): string {
  const head = `\nWARNING: ${rule}${url === undefined ? "" : ` - ${url}`}\n${detail}\n`;
  if (location === undefined) return head;
  const { filename, data } = location.map;
  const ranges = location.ranges.map(({ start, end = start }) => ({ start, end }));
  const excerpt = sourceExcerpt(data, ranges);
  const [first] = excerpt.filter(({ marked }) => marked);
  if (first === undefined) return head;
  const rule20 = "-".repeat(20);
  const lines = excerpt.map(({ number, text, marked }) => {
    return `${String(number).padStart(4)} | ${marked ? ">>>" : "   "} ${text}`.trimEnd();
  });
  return `${head}${[`${filename}:${first.number}`, rule20, ...lines, rule20, ""].join("\n")}`;
}
