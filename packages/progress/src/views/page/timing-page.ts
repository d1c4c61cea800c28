import type { BuildModel } from "../../model/build-model.ts";
import type { Step } from "../../model/step.ts";
import { type BuildComparison, compareBuilds, lostMs } from "../../report/comparison.ts";
import { explainMiss, seconds } from "../../report/report-text.ts";
import { type BuildSummary, summarize } from "../../report/summary.ts";
import { formatBytes } from "../../text/format.ts";
import { graphNodes } from "../graph.ts";
import { graphSvg } from "./graph-svg.ts";
import { escapeHtml } from "./html.ts";
import { PAGE_STYLE } from "./page-style.ts";
import { timeline } from "./timeline.ts";

export interface TimingPageOptions {
  /** What the page is called. Default: `Build`. */
  readonly title?: string;
  /** An earlier build of the same thing: the page then tells what changed, and why steps ran again. */
  readonly before?: BuildModel;
}

/** Steps shown in the list of those that took longer. */
const SLOWER_SHOWN = 10;

/** Less time than this is not worth telling. */
const WORTH_TELLING_MS = 50;

/**
 * One page of HTML, complete in itself and without scripts: what the build did and when, the graph of its steps, and for each
 * step its output and what it was made from. It is written for readers who know their Dockerfile, and not BuildKit.
 */
export function timingPage(model: BuildModel, { title = "Build", before }: TimingPageOptions = {}): string {
  const summary = summarize(model);
  const comparison = before && compareBuilds(before, model);
  const nodes = graphNodes(model);
  const remarks = new Map<Step, string>(
    comparison?.misses.map((miss) => [miss.step, `Ran ${explainMiss(miss)}.`] as const) ?? [],
  );
  const svg = graphSvg(nodes);
  const body = [
    `<h1>${escapeHtml(title)}</h1>`,
    `<p class="lead">${lead(summary)}</p>`,
    facts(summary),
    comparison === undefined ? "" : comparisonSection(comparison),
    "<h2>What happened when</h2>",
    '<p class="lead">Each line is a step of the build. A step is done once: when neither it nor anything that it builds on has changed since an earlier build, its result comes from the cache and takes no time. Open a line to see its output.</p>',
    legend(),
    timeline(model, nodes, remarks),
    svg === ""
      ? ""
      : `<h2>What builds on what</h2><p class="lead">A line leads from each step to the steps that use its result. When a step changes, all that stand right of it along the lines are done anew.</p><div class="graph">${svg}</div>`,
  ];
  return `<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<meta name="viewport" content="width=device-width">\n<title>${escapeHtml(title)}</title>\n<style>${PAGE_STYLE}</style>\n</head>\n<body>\n${body.filter((part) => part !== "").join("\n")}\n</body>\n</html>\n`;
}

function lead({ outcome, durationMs, criticalPath, steps }: BuildSummary): string {
  const verdict = {
    done: `The build took ${seconds(durationMs)}.`,
    failed: `The build failed after ${seconds(durationMs)}.`,
    canceled: `The build was canceled after ${seconds(durationMs)}.`,
    running: `The build has been running for ${seconds(durationMs)}.`,
  }[outcome];
  const failed = steps.filter(({ step }) => step.state === "error").map(({ step }) => stepLink(step));
  if (failed.length > 0) return `${verdict} What failed: ${failed.join(", ")}.`;
  const [longest] = [...criticalPath].sort((a, b) => b.ms - a.ms);
  if (longest === undefined || longest.ms < WORTH_TELLING_MS) return verdict;
  const share = Math.round(longest.share * 100);
  return `${verdict} The longest wait, ${seconds(longest.ms)} (${share} %), was for ${stepLink(longest.step)}.`;
}

function facts({ totals, cachedShare, bytes, durationMs }: BuildSummary): string {
  const items: [value: string, label: string][] = [
    [seconds(durationMs), "in all"],
    [String(totals.steps), "steps"],
    [`${Math.round(cachedShare * 100)} %`, "of what can be cached came from the cache"],
  ];
  if (bytes.sent > 0) items.push([formatBytes(bytes.sent), "of files sent"]);
  if (bytes.pulled > 0) items.push([formatBytes(bytes.pulled), "of layers fetched"]);
  if (bytes.exported > 0) items.push([formatBytes(bytes.exported), "exported"]);
  if (totals.warnings > 0)
    items.push([String(totals.warnings), totals.warnings === 1 ? "warning" : "warnings"]);
  return `<ul class="facts">${items.map(([value, label]) => `<li><b>${value}</b><span>${label}</span></li>`).join("")}</ul>`;
}

function legend(): string {
  return '<p class="legend"><i class="done"></i>done<i class="cached"></i>from the cache<i class="error"></i>failed<i class="canceled"></i>canceled<i class="critical"></i>the end of the build waited for it: making it faster makes the build faster</p>';
}

function comparisonSection({ misses, slower, gone }: BuildComparison): string {
  const ran = misses.map(
    (miss) =>
      `<tr><td class="number">${seconds(miss.ms)}</td><td>${stepLink(miss.step)}<br>ran ${escapeHtml(explainMiss(miss))}</td></tr>`,
  );
  const longer = slower
    .filter((each) => lostMs(each) >= WORTH_TELLING_MS)
    .slice(0, SLOWER_SHOWN)
    .map((each) => {
      const before = each.beforeMs === undefined ? "not there before" : `before: ${seconds(each.beforeMs)}`;
      return `<tr><td class="number">+${seconds(lostMs(each))}</td><td>${stepLink(each.step)} (${before})</td></tr>`;
    });
  return [
    "<h2>Compared with the build before</h2>",
    ran.length === 0
      ? "<p>Everything that can be cached came from the cache.</p>"
      : `<p>What ran instead of coming from the cache, and why:</p><table>${ran.join("")}</table>`,
    longer.length === 0 ? "" : `<p>What took longer:</p><table>${longer.join("")}</table>`,
    gone.length === 0
      ? ""
      : `<p>No longer part of the build: ${gone.map((step) => escapeHtml(step.name)).join(", ")}</p>`,
  ].join("\n");
}

function stepLink(step: Step): string {
  return `<a href="#step-${step.number}">${escapeHtml(step.name)}</a>`;
}
