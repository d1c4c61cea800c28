import type { BuildModel } from "../model/build-model.ts";
import type { Step, StepState } from "../model/step.ts";
import { criticalPath } from "../report/critical-path.ts";
import { seconds } from "../report/report-text.ts";
import { stepGraph } from "../report/step-graph.ts";

/** A step in a drawing of the graph. */
export interface GraphNode {
  readonly step: Step;
  /** How it stands, in a word, and how long it took. */
  readonly note: string;
  readonly inputs: readonly Step[];
  /** Steps that an export writes the results of: the daemon names no inputs of it. */
  readonly follows: readonly Step[];
  /** True for the steps that the end of the build waited for. */
  readonly isCritical: boolean;
}

export const STATE_COLORS: Readonly<Record<StepState, string>> = {
  pending: "#e8e8e8",
  running: "#fff3bf",
  done: "#d0ebff",
  cached: "#d3f9d8",
  error: "#ffc9c9",
  canceled: "#ffe8cc",
};

export function graphNodes(model: BuildModel): GraphNode[] {
  const graph = stepGraph(model);
  const critical = new Set(criticalPath(graph, model.latest ?? 0));
  const used = new Set(graph.steps.flatMap((step) => graph.inputsOf(step)));
  const results = graph.steps.filter((step) => !used.has(step) && graph.inputsOf(step).length > 0);
  return graph.steps.map((step) => ({
    step,
    note: step.state === "cached" ? "cached" : `${WORDS[step.state] ?? ""}${seconds(graph.msOf(step))}`,
    inputs: graph.inputsOf(step),
    follows: step.name.startsWith("exporting ") ? results : [],
    isCritical: critical.has(step),
  }));
}

const WORDS: Partial<Record<StepState, string>> = {
  running: "running ",
  error: "failed after ",
  canceled: "canceled after ",
};

/**
 * The graph of a build's steps for Graphviz, with times, colours by outcome, and thick lines along the steps that the end of
 * the build waited for.
 */
export function timingDot(model: BuildModel): string {
  const nodes = graphNodes(model);
  const critical = new Set(nodes.filter((node) => node.isCritical).map((node) => node.step));
  const lines = [
    "digraph build {",
    "  rankdir=LR;",
    '  node [shape=box, style="rounded,filled", fontname="sans-serif"];',
  ];
  for (const { step, note, isCritical } of nodes) {
    const label = dotText(`${short(step.name)}\n${note}`);
    const width = isCritical ? ", penwidth=2.5" : "";
    lines.push(
      `  s${step.number} [label=${label}, tooltip=${dotText(step.name)}, fillcolor="${STATE_COLORS[step.state]}"${width}];`,
    );
  }
  for (const { step, inputs, follows } of nodes) {
    for (const other of follows) lines.push(`  s${other.number} -> s${step.number} [style=dashed];`);
    for (const input of inputs) {
      const width = critical.has(step) && critical.has(input) ? " [penwidth=2.5]" : "";
      lines.push(`  s${input.number} -> s${step.number}${width};`);
    }
  }
  return [...lines, "}", ""].join("\n");
}

/** The graph of a build's steps for Mermaid, with times and colours by outcome. */
export function timingMermaid(model: BuildModel): string {
  const nodes = graphNodes(model);
  const lines = ["flowchart LR"];
  for (const { step, note } of nodes) {
    lines.push(
      `  s${step.number}["${mermaidText(short(step.name))}<br/>${mermaidText(note)}"]:::${step.state}`,
    );
  }
  for (const { step, inputs, follows } of nodes) {
    for (const input of inputs) lines.push(`  s${input.number} --> s${step.number}`);
    for (const other of follows) lines.push(`  s${other.number} -.-> s${step.number}`);
  }
  for (const [state, color] of Object.entries(STATE_COLORS))
    lines.push(`  classDef ${state} fill:${color},stroke:#666,color:#222`);
  const critical = nodes.filter((node) => node.isCritical).map((node) => `s${node.step.number}`);
  lines.push("  classDef critical stroke-width:3px", ...critical.map((id) => `  class ${id} critical`));
  return [...lines, ""].join("\n");
}

/** Names of steps are whole commands: what a drawing shows of them. */
export function short(name: string, length = 60): string {
  const characters = Array.from(name);
  return characters.length <= length ? name : `${characters.slice(0, length - 1).join("")}…`;
}

function dotText(text: string): string {
  return `"${text.replace(/[\\"]/g, "\\$&").replaceAll("\n", "\\n")}"`;
}

/** Mermaid reads quotes, markup and entities in labels. */
function mermaidText(text: string): string {
  return text.replace(/[^\p{L}\p{N} .,:/…()=+*@_-]/gu, (character) => `#${character.codePointAt(0)};`);
}
