/** A place that packages are fetched from. */
export interface AptSource {
  readonly uri: string;
  readonly suites: readonly string[];
  readonly components: readonly string[];
  /** The file of the keys that it may be signed with, where the source names one. */
  readonly signedBy?: string;
}

/** The sources in a one-line-style file (`sources.list`): `deb [options] uri suite component…`. */
export function parseOneLineSources(text: string): AptSource[] {
  return text.split("\n").flatMap((line) => {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*([^#]*)/.exec(line);
    const [, options = "", uri, suite, components = ""] = match ?? [];
    if (uri === undefined || suite === undefined) return [];
    const signedBy = /(?:^|\s)signed-by=(\S+)/.exec(options)?.[1];
    return [{ uri, suites: [suite], components: words(components), ...keyFile(signedBy) }];
  });
}

/** The sources in a deb822-style file (`*.sources`): stanzas of fields, whose values may go on in indented lines. */
export function parseDeb822Sources(text: string): AptSource[] {
  const withoutComments = text.replace(/^#.*\n?/gm, "");
  return withoutComments.split(/\n\s*\n/).flatMap((stanza) => {
    const fields = new Map<string, string>();
    for (const [, name = "", value = ""] of stanza.matchAll(/^([\w-]+):((?:.*)(?:\n[ \t].*)*)/gm)) {
      fields.set(name.toLowerCase(), value.trim());
    }
    const field = (name: string) => words(fields.get(name) ?? "");
    if (!field("types").includes("deb") || /^no$/i.test(fields.get("enabled") ?? "")) return [];
    const rest = {
      suites: field("suites"),
      components: field("components"),
      ...keyFile(fields.get("signed-by")),
    };
    return field("uris").map((uri) => ({ uri, ...rest }));
  });
}

/**
 * The sources that can be Debian's own archive, likeliest first: they carry the release that the machine runs, and no
 * key but Debian's. Which of them has the other releases too, only asking tells.
 */
export function debianMirrors(sources: readonly AptSource[], codename: string): AptSource[] {
  const release = new Set([codename, "stable", "oldstable", "testing", "unstable", "sid"]);
  return sources
    .filter(({ uri }) => !uri.startsWith("cdrom:"))
    .filter(
      ({ suites, components }) => suites.some((suite) => release.has(suite)) && components.includes("main"),
    )
    .filter(({ signedBy }) => signedBy === undefined || /debian-archive/.test(signedBy))
    .sort((a, b) => Number(isNamedDebian(b)) - Number(isNamedDebian(a)));
}

function isNamedDebian({ uri }: AptSource): boolean {
  return /\/debian\/?$/.test(uri);
}

/** A key may also be written out in the source; such a source is known by the machine's own keys, or not at all. */
function keyFile(signedBy: string | undefined): { signedBy?: string } {
  return signedBy === undefined ? {} : { signedBy };
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}
