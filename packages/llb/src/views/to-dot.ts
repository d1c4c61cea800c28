import type { Definition } from "../definition.ts";
import { type OpKind, summarize } from "./summary.ts";

/** How a picture of a graph is made. */
export interface PictureOptions {
  /** The longest label, in characters; longer ones are cut. Default: 60. */
  readonly maxLabelLength?: number;
}

const shapes: Readonly<Record<OpKind, string>> = {
  source: "ellipse",
  exec: "box",
  file: "note",
  merge: "invtriangle",
  diff: "triangle",
  build: "box3d",
  passthrough: "diamond",
  output: "doublecircle",
};

/** A definition as a graph for Graphviz: what is read points to what reads it. */
export function toDot(definition: Definition, options: PictureOptions = {}): string {
  const { nodes, edges } = summarize(definition);
  const lines = [
    ...nodes.map(
      ({ id, kind, label }) => `  n${id} [shape=${shapes[kind]}, label=${text(cut(label, options))}];`,
    ),
    ...edges.map(
      ({ from, to, label }) => `  n${from} -> n${to}${label === "" ? "" : ` [label=${text(label)}]`};`,
    ),
  ];
  return `digraph llb {\n${lines.map((line) => `${line}\n`).join("")}}\n`;
}

/** A label of a length that fits a picture, on one line. */
export function cut(label: string, { maxLabelLength = 60 }: PictureOptions): string {
  const characters = [...label.replace(/[\s\p{Cc}]+/gu, " ")];
  return characters.length <= maxLabelLength
    ? characters.join("")
    : `${characters.slice(0, Math.max(0, maxLabelLength - 1)).join("")}…`;
}

function text(label: string): string {
  return `"${label.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}
