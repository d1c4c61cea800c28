import type { Step } from "../../model/step.ts";
import type { GraphNode } from "../graph.ts";

export interface PlacedNode {
  readonly node: GraphNode;
  /** From 0, left to right: a step stands right of all that it uses. */
  readonly column: number;
  /** From 0, top to bottom. */
  readonly row: number;
}

/** How often the rows are sorted anew by those of their neighbours. */
const SWEEPS = 4;

/** A place for each step that uses another or is used, so that lines run from left to right and cross seldom. */
export function placeNodes(nodes: readonly GraphNode[]): PlacedNode[] {
  const before = new Map(nodes.map((node) => [node.step, [...node.inputs, ...node.follows]]));
  const used = new Set([...before.values()].flat());
  const connected = nodes.filter(({ step }) => used.has(step) || (before.get(step)?.length ?? 0) > 0);
  const columns = columnsOf(connected, before);
  const layers = Array.from({ length: Math.max(0, ...columns.values()) + 1 }, (_, column) =>
    connected.filter((node) => columns.get(node.step) === column),
  );
  const rows = new Map<Step, number>();
  for (const layer of layers) for (const [row, node] of layer.entries()) rows.set(node.step, row);
  for (let sweep = 0; sweep < SWEEPS; sweep++) for (const layer of layers) sortLayer(layer, before, rows);
  return layers.flatMap((layer, column) => layer.map((node, row) => ({ node, column, row })));
}

function columnsOf(
  nodes: readonly GraphNode[],
  before: ReadonlyMap<Step, readonly Step[]>,
): Map<Step, number> {
  const columns = new Map<Step, number>();
  const columnOf = (step: Step): number => {
    const known = columns.get(step);
    if (known !== undefined) return known;
    columns.set(step, 0);
    const column = Math.max(-1, ...(before.get(step) ?? []).map(columnOf)) + 1;
    columns.set(step, column);
    return column;
  };
  for (const { step } of nodes) columnOf(step);
  return columns;
}

function sortLayer(
  layer: GraphNode[],
  before: ReadonlyMap<Step, readonly Step[]>,
  rows: Map<Step, number>,
): void {
  const middle = ({ step }: GraphNode): number => {
    const inputs = before.get(step) ?? [];
    const own = rows.get(step) ?? 0;
    return inputs.length === 0
      ? own
      : inputs.reduce((sum, input) => sum + (rows.get(input) ?? 0), 0) / inputs.length;
  };
  const keys = new Map(layer.map((node) => [node, middle(node)]));
  layer.sort((a, b) => (keys.get(a) ?? 0) - (keys.get(b) ?? 0));
  for (const [row, node] of layer.entries()) rows.set(node.step, row);
}
