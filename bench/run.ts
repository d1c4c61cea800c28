// npm run bench [-- --json] [-- --only NAME] [-- --list]
import { parseArgs } from "node:util";
import type { Bench, Row } from "./row.ts";
import { benches } from "./rows/index.ts";

const HEADER = ["row", "unit", "ours", "theirs", "ratio", "spread", "MB", "their MB", "cpu s", "their cpu"];
const WIDTHS = [30, 9, 10, 10, 7, 7, 8, 9, 8, 10];

const { values: options } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    list: { type: "boolean", default: false },
    only: { type: "string", multiple: true, default: [] },
  },
});

const chosen = benches.filter((bench) => options.only.length === 0 || options.only.includes(bench.name));
const unknown = options.only.filter((name) => !benches.some((bench) => bench.name === name));
if (unknown.length > 0) {
  console.error(
    `no bench is called ${unknown.join(", ")}; there are: ${benches.map((b) => b.name).join(", ")}`,
  );
  process.exit(2);
}
if (options.list) {
  for (const bench of benches) console.log(`${bench.name.padEnd(24)} ${bench.about}`);
} else {
  const rows = await runAll(chosen);
  if (options.json) console.log(JSON.stringify(rows, null, 2));
}

async function runAll(list: readonly Bench[]): Promise<Row[]> {
  const rows: Row[] = [];
  if (!options.json) print(HEADER);
  for (const bench of list) {
    for (const row of await bench.run()) {
      rows.push(row);
      if (options.json) continue;
      print(cells(row));
      if (row.note !== undefined) console.log(`  ${row.note}`);
    }
  }
  return rows;
}

function cells(row: Row): string[] {
  return [
    row.name,
    row.unit,
    figure(row.ours),
    figure(row.theirs),
    figure(row.ratio),
    figure(row.spread),
    figure(row.rssMb, 0),
    figure(row.theirRssMb, 0),
    figure(row.cpu),
    figure(row.theirCpu),
  ];
}

function figure(value: number | null, digits?: number): string {
  if (value === null) return "-";
  if (digits !== undefined) return value.toFixed(digits);
  return value >= 1000 ? Math.round(value).toLocaleString("en") : value.toFixed(value >= 100 ? 1 : 2);
}

function print(line: readonly string[]): void {
  console.log(
    line.map((cell, i) => (i < 2 ? cell.padEnd(WIDTHS[i] ?? 0) : cell.padStart(WIDTHS[i] ?? 0))).join(" "),
  );
}
