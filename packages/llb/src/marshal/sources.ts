import type { SourceLocation, SourceMap } from "../source-map.ts";
import type { DefinitionLocation, DefinitionSource, WireDefinition } from "../wire/definition.ts";

/** Collects where vertices were written, and numbers the files in the order in which it meets them. */
export class SourceCollector {
  readonly #maps: SourceMap[] = [];
  readonly #numbers = new Map<SourceMap, number>();
  readonly #locations = new Map<string, DefinitionLocation[]>();

  /** Notes the places of a vertex: one that stands in the graph twice has them twice. */
  add(digest: string, locations: readonly SourceLocation[]): void {
    const list = this.#locations.get(digest) ?? [];
    this.#locations.set(digest, list);
    for (const { map, ranges } of locations) {
      list.push({ sourceIndex: this.#numberOf(map), ranges });
    }
  }

  /** What the definition says about sources. The files' own definitions are made by `define`. */
  finish(define: (map: SourceMap) => WireDefinition | undefined): DefinitionSource {
    return {
      locations: new Map([...this.#locations].map(([digest, locations]) => [digest, { locations }])),
      infos: this.#maps.map((map) => {
        const definition = define(map);
        const { filename, data, language } = map;
        return { filename, data, language, ...(definition !== undefined && { definition }) };
      }),
    };
  }

  #numberOf(map: SourceMap): number {
    const known = this.#numbers.get(map);
    if (known !== undefined) {
      return known;
    }
    const equal = this.#maps.findIndex((other) => isEqual(other, map));
    const number = equal < 0 ? this.#maps.push(map) - 1 : equal;
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
