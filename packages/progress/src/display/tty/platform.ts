/**
 * The platform that a step builds for, as the Dockerfile frontend writes it at the start of a step's name when a build
 * is for several: `[linux/arm64 build 2/4] RUN …`, and `[linux/amd64->arm64 build …` for one that runs on another.
 */
export function platformOf(name: string): string | undefined {
  const parts = /^\[([a-z0-9]+)\/([a-z0-9/.]+)(?:->([a-z0-9/.]+))? /.exec(name);
  if (parts === null) return undefined;
  const [, os = "", own = "", target] = parts;
  if (target === undefined) return `${os}/${own}`;
  return /^(?:linux|windows|darwin|freebsd|wasip1)\//.test(target) ? target : `${os}/${target}`;
}

/** Things in sections by platform, in order of first appearance; `undefined` stands for those of none. */
export interface Section<T> {
  readonly platform: string | undefined;
  readonly items: T[];
}

/**
 * Sections by platform when there are at least two: first what belongs to none and came before all platforms, then each
 * platform, then the rest that belongs to none (the export). Else one section.
 */
export function byPlatform<T>(items: readonly T[], nameOf: (item: T) => string): Section<T>[] {
  const before: Section<T> = { platform: undefined, items: [] };
  const after: Section<T> = { platform: undefined, items: [] };
  const platforms = new Map<string, Section<T>>();
  for (const item of items) {
    const platform = platformOf(nameOf(item));
    if (platform === undefined) {
      (platforms.size === 0 ? before : after).items.push(item);
      continue;
    }
    const section = platforms.get(platform) ?? { platform, items: [] };
    platforms.set(platform, section);
    section.items.push(item);
  }
  if (platforms.size < 2) return [{ platform: undefined, items: [...items] }];
  return [before, ...platforms.values(), after].filter((section) => section.items.length > 0);
}
