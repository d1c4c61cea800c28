import fs from "node:fs";
import path from "node:path";
import { InvalidArgumentError } from "@buildkit-node/core";
import type { ExportDestination, Exporter } from "./exporter.ts";

/** What is in an OCI layout. */
const layoutEntries: ReadonlySet<string> = new Set([
  "blobs",
  "index.json",
  "index.json.lock",
  "ingest",
  "oci-layout",
]);

/**
 * Refuses destinations that would destroy each other. An OCI layout may be several exporters' own, as its index knows them apart.
 *
 * @throws {InvalidArgumentError} naming both exporters and where they meet
 */
export function refuseSharedDestinations(
  exporters: readonly Pick<Exporter<unknown>, "name" | "destination">[],
): void {
  const places = exporters.flatMap(({ name, destination }) =>
    destination === undefined
      ? []
      : [{ name, destination, real: destination.kind === "stream" ? undefined : followed(destination.path) }],
  );
  for (const [index, one] of places.entries()) {
    for (const other of places.slice(0, index)) {
      const problem = conflict(other, one) ?? conflict(one, other);
      if (problem !== undefined) throw new InvalidArgumentError("exports", one.destination, problem);
    }
  }
}

interface ExportPlace {
  readonly name: string;
  readonly destination: ExportDestination;
  /** Without links; absent for a stream. */
  readonly real: string | undefined;
}

/** Why one cannot be where the other is, or within it. */
function conflict(outer: ExportPlace, inner: ExportPlace): string | undefined {
  const both = `${outer.name} and ${inner.name}`;
  if (outer.real === undefined || inner.real === undefined) {
    const same = identity(outer) === identity(inner);
    return same ? `${both} both write to the same stream: give each its own` : undefined;
  }
  if (outer.real === inner.real) {
    const kinds = [outer.destination.kind, inner.destination.kind];
    if (kinds.every((kind) => kind === "layout") || isDevice(outer.real)) return undefined;
    return `${both} both write to ${outer.real}: give each a place of its own`;
  }
  const within = path.relative(outer.real, inner.real);
  if (within === ".." || within.startsWith(`..${path.sep}`) || path.isAbsolute(within)) return undefined;
  const why = harm(outer.destination, within);
  return (
    why &&
    `${inner.name} cannot write to ${inner.real}: it lies in ${outer.real}, ${why} by ${outer.name}; move it out`
  );
}

/** What an exporter does to what is within its destination. */
function harm(outer: ExportDestination, within: string): string | undefined {
  if (outer.kind === "file") return "which is made a file";
  if (outer.kind === "directory") return outer.deletes ? "where all else is deleted" : undefined;
  const [first = ""] = within.split(path.sep);
  return layoutEntries.has(first) ? "which is made an OCI layout" : undefined;
}

function identity({ destination }: ExportPlace): unknown {
  return destination.kind === "stream" ? destination.stream : destination.path;
}

/** A path without links, as far as there is anything of it. */
function followed(at: string): string {
  try {
    return fs.realpathSync(at);
  } catch {
    const parent = path.dirname(at);
    return parent === at ? at : path.join(followed(parent), path.basename(at));
  }
}

function isDevice(at: string): boolean {
  return fs.statSync(at, { throwIfNoEntry: false })?.isCharacterDevice() === true;
}
