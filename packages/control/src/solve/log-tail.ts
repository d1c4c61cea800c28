import type { VertexLog } from "@buildkit-node/core";

/** Kept of each step. */
const maxBytesPerVertex = 16 * 1024;
const maxLines = 80;
/** Steps whose logs are kept; the one that was silent longest goes first. */
const maxVertices = 256;

/** The last lines that each step of a build wrote, bounded in memory. */
export class LogTail {
  readonly #tails = new Map<string, Uint8Array[]>();

  add({ vertex, data }: VertexLog): void {
    const tail = this.#tails.get(vertex) ?? [];
    tail.push(data.length > maxBytesPerVertex ? data.slice(-maxBytesPerVertex) : data);
    let total = tail.reduce((sum, piece) => sum + piece.length, 0);
    while (total > maxBytesPerVertex && tail.length > 1) total -= tail.shift()?.length ?? 0;
    // Deleted and set again, the map's order is that of the last word.
    this.#tails.delete(vertex);
    this.#tails.set(vertex, tail);
    const [silent] = this.#tails.keys();
    if (this.#tails.size > maxVertices && silent !== undefined) this.#tails.delete(silent);
  }

  lines(vertex: string): readonly string[] {
    const text = Buffer.concat(this.#tails.get(vertex) ?? []).toString("utf8");
    const lines = text.split(/\r?\n/);
    if (lines.at(-1) === "") lines.pop();
    return lines.slice(-maxLines);
  }
}
