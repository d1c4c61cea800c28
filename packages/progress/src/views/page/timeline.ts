import type { BuildModel } from "../../model/build-model.ts";
import type { Step, Task } from "../../model/step.ts";
import { seconds } from "../../report/report-text.ts";
import { formatBytes, formatLogTime } from "../../text/format.ts";
import { plainLines, stripColours } from "../../text/terminal-line.ts";
import type { GraphNode } from "../graph.ts";
import { escapeHtml, short } from "./html.ts";

/** Lines shown of a step's output. */
const LOG_LINES = 200;

/** Lines on the scale at most. */
const TICKS = 8;

/** The scale, and a row for each step, which opens to show what there is to know of it. */
export function timeline(
  model: BuildModel,
  nodes: readonly GraphNode[],
  remarks: ReadonlyMap<Step, string>,
): string {
  const { startedAt = 0, latest = 0 } = model;
  const span = Math.max(1, latest - startedAt);
  const scale: Scale = { from: startedAt, span, end: latest };
  const rows = nodes.map((node) => stepRow(node, scale, remarks.get(node.step)));
  return `<div class="timeline">\n<div class="row scale"><span></span><span></span><span class="track">${ticks(span)}</span></div>\n${rows.join("\n")}\n</div>`;
}

interface Scale {
  readonly from: number;
  readonly span: number;
  readonly end: number;
}

function stepRow(node: GraphNode, scale: Scale, remark: string | undefined): string {
  const { step, note, isCritical } = node;
  const classes = `row ${step.state}${isCritical ? " critical" : ""}`;
  const bars = step.intervals.map(({ start, end }) => bar("bar", start, end, scale)).join("");
  const head = `<summary class="${classes}"><span class="name" title="${escapeHtml(step.name)}">${step.number}. ${escapeHtml(step.name)}</span><span class="time">${escapeHtml(note)}</span><span class="track">${bars}</span></summary>`;
  const isOpen = step.state === "error" ? " open" : "";
  return `<details id="step-${step.number}"${isOpen}>${head}<div class="more">${details(node, scale, remark)}</div></details>`;
}

function details({ step, inputs }: GraphNode, scale: Scale, remark: string | undefined): string {
  const parts: string[] = [];
  if (remark !== undefined) parts.push(`<p class="remark">${escapeHtml(remark)}</p>`);
  parts.push(`<p>${escapeHtml(step.name)}</p>`);
  if (step.error !== undefined)
    parts.push(`<pre class="error">${escapeHtml(plainLines(step.error).map(stripColours).join("\n"))}</pre>`);
  if (inputs.length > 0) {
    const links = inputs.map(
      (input) => `<a href="#step-${input.number}">${input.number}. ${escapeHtml(input.name)}</a>`,
    );
    parts.push(`<p>Builds on: ${links.join(", ")}</p>`);
  }
  for (const { short: text } of step.warnings)
    parts.push(`<p class="warning">Warning: ${escapeHtml(text)}</p>`);
  for (const task of step.tasks) parts.push(taskRow(task, scale));
  const lines = step.log.last(LOG_LINES);
  if (lines.length > 0) {
    const unseen = step.log.total - lines.length;
    const text = lines.map((line) => `${formatLogTime(line.seconds)} ${stripColours(line.text)}`);
    parts.push(
      `<pre>${escapeHtml([...(unseen > 0 ? [`... ${unseen} lines before`] : []), ...text].join("\n"))}</pre>`,
    );
  }
  return parts.join("");
}

function taskRow(task: Task, scale: Scale): string {
  const { started = scale.from, completed } = task;
  const amount = task.current > 0 ? ` ${formatBytes(task.current)}` : "";
  const time = seconds((completed ?? scale.end) - started);
  return `<div class="row task"><span class="name" title="${escapeHtml(task.id)}">${escapeHtml(task.id)}${amount}</span><span class="time">${time}</span><span class="track">${bar("bar task", started, completed, scale)}</span></div>`;
}

function bar(className: string, start: number, end: number | undefined, scale: Scale): string {
  const left = ((start - scale.from) / scale.span) * 100;
  const width = (((end ?? scale.end) - start) / scale.span) * 100;
  return `<span class="${className}" style="left:${short(left)}%;width:${short(Math.max(0, width))}%"></span>`;
}

function ticks(span: number): string {
  const step = niceStep(span / TICKS);
  let marks = "";
  for (let at = 0; at <= span; at += step) {
    const label = step < 1000 ? `${Math.round(at) / 1000}s` : `${Math.round(at / 1000)}s`;
    marks += `<span class="tick" style="left:${short((at / span) * 100)}%">${label}</span>`;
  }
  return marks;
}

/** The next of 1, 2, 5, 10, 20, ... */
function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(least, 1)));
  return ([1, 2, 5, 10].find((factor) => factor * power >= least) ?? 10) * power;
}
