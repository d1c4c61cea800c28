import type { SourceMap } from "../source-map.ts";
import type { DefinitionLocation, DefinitionSource, WireDefinition } from "../wire/definition.ts";
import type { MarshalledVertex } from "./marshal.ts";

/** Says where vertices were written. Files are numbered in the order in which vertices name them. */
export function describeSources(
  vertices: Iterable<MarshalledVertex>,
  define: (map: SourceMap) => WireDefinition | undefined,
): DefinitionSource {
  const files = new Files();
  const locations = new Map<string, { readonly locations: readonly DefinitionLocation[] }>();
  for (const vertex of vertices) {
    const places = vertex.locations.map(({ map, ranges }) => ({ sourceIndex: files.numberOf(map), ranges }));
    locations.set(vertex.digest, places.length === 0 ? nowhere : { locations: places });
  }
  const infos = files.list.map((map) => {
    const { filename, data, language } = map;
    const definition = define(map);
    return { filename, data, language, ...(definition !== undefined && { definition }) };
  });
  return { locations, infos };
}

const nowhere = Object.freeze({ locations: Object.freeze([]) });

/** Source files without repetition: equal ones count as one. */
class Files {
  readonly list: SourceMap[] = [];
  readonly #numbers = new Map<SourceMap, number>();

  numberOf(map: SourceMap): number {
    const known = this.#numbers.get(map);
    if (known !== undefined) {
      return known;
    }
    const equal = this.list.findIndex((other) => isEqual(other, map));
    const number = equal < 0 ? this.list.push(map) - 1 : equal;
    this.#numbers.set(map, number);
    return number;
  }
}

function isEqual(a: SourceMap, b: SourceMap): boolean {
  return (
    a.filename === b.filename &&
    a.language === b.language &&
    a.data.length === b.data.length &&
    a.data.every((byte, at) => byte === b.data[at])
  );
}
