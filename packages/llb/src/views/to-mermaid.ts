import type { Definition } from "../definition.ts";
import { type OpKind, summarize } from "./summary.ts";
import { cut, type PictureOptions } from "./to-dot.ts";

const brackets: Readonly<Record<OpKind, readonly [open: string, close: string]>> = {
  source: ["([", "])"],
  exec: ["[", "]"],
  file: ["[/", "/]"],
  merge: ["{{", "}}"],
  diff: ["{{", "}}"],
  build: ["[[", "]]"],
  passthrough: ["{", "}"],
  output: ["((", "))"],
};

/** A definition as a flow chart for Mermaid, which Markdown on GitHub draws. */
export function toMermaid(definition: Definition, options: PictureOptions = {}): string {
  const { nodes, edges } = summarize(definition);
  const lines = [
    ...nodes.map(({ id, kind, label }) => {
      const [open, close] = brackets[kind];
      return `  n${id}${open}${text(cut(label, options))}${close}`;
    }),
    ...edges.map(
      ({ from, to, label }) => `  n${from} -->${label === "" ? "" : `|${text(cut(label, options))}|`} n${to}`,
    ),
  ];
  return `flowchart TD\n${lines.map((line) => `${line}\n`).join("")}`;
}

/** A quoted label: the characters that mean something to Mermaid or HTML are written as entities. */
function text(label: string): string {
  const escaped = label.replace(
    /[^\p{L}\p{N} .,:/@=+_*…-]/gu,
    (character) => `#${character.codePointAt(0)};`,
  );
  return `"${escaped === "" ? " " : escaped}"`;
}
