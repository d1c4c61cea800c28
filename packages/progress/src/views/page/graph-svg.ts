import { fit } from "../../text/width.ts";
import type { GraphNode } from "../graph.ts";
import { type PlacedNode, placeNodes } from "./graph-layout.ts";
import { escapeHtml, short } from "./html.ts";

const COLUMN = 290;
const ROW = 64;
const BOX = { width: 230, height: 44 };
const MARGIN = 8;

/** As much of a step's name as its box has room for. */
const NAME_COLUMNS = 30;

/** The graph of the steps, from what they start from at the left to the result at the right; empty if there is none. */
export function graphSvg(nodes: readonly GraphNode[]): string {
  const placed = placeNodes(nodes);
  if (placed.length === 0) return "";
  const places = new Map(placed.map((place) => [place.node.step, place]));
  const edges: string[] = [];
  for (const to of placed) {
    for (const [others, kind] of [
      [to.node.inputs, "input"],
      [to.node.follows, "follows"],
    ] as const) {
      for (const step of others) {
        const from = places.get(step);
        if (from !== undefined) edges.push(edgeSvg(from, to, kind));
      }
    }
  }
  const width = COLUMN * Math.max(...placed.map(({ column }) => column)) + BOX.width + 2 * MARGIN;
  const height = ROW * Math.max(...placed.map(({ row }) => row)) + BOX.height + 2 * MARGIN;
  const content = [...edges, ...placed.map(nodeSvg)].join("\n");
  return `<svg width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="Graph of the steps">\n${content}\n</svg>`;
}

function nodeSvg(place: PlacedNode): string {
  const { step, note, isCritical } = place.node;
  const { x, y } = corner(place);
  const name = escapeHtml(fit(step.name, NAME_COLUMNS));
  return [
    `<a href="#step-${step.number}"><g class="node ${step.state}${isCritical ? " critical" : ""}" transform="translate(${x} ${y})">`,
    `<title>${escapeHtml(step.name)}</title><rect width="${BOX.width}" height="${BOX.height}" rx="6"/>`,
    `<text x="10" y="18">${name}</text><text class="note" x="10" y="35">${escapeHtml(note)}</text></g></a>`,
  ].join("");
}

function edgeSvg(from: PlacedNode, to: PlacedNode, kind: string): string {
  const start = corner(from);
  const end = corner(to);
  const [x1, y1, x2, y2] = [start.x + BOX.width, start.y + BOX.height / 2, end.x, end.y + BOX.height / 2];
  const bend = Math.max(30, (x2 - x1) / 2);
  const critical = from.node.isCritical && to.node.isCritical ? " critical" : "";
  const path = `M${short(x1)} ${short(y1)}C${short(x1 + bend)} ${short(y1)} ${short(x2 - bend)} ${short(y2)} ${short(x2)} ${short(y2)}`;
  return `<path class="edge ${kind}${critical}" d="${path}"/>`;
}

function corner({ column, row }: PlacedNode): { x: number; y: number } {
  return { x: MARGIN + column * COLUMN, y: MARGIN + row * ROW };
}
