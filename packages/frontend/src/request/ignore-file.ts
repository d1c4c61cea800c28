/**
 * The patterns of a `.dockerignore`, in the form in which a local source takes them: comments and empty lines are
 * dropped, paths are cleaned, a leading slash is taken off, `!` stays in front.
 */
export function parseIgnoreFile(data: Uint8Array): readonly string[] {
  // The decoder takes off a byte order mark.
  const lines = new TextDecoder().decode(data).split(/\r?\n/);
  return lines.flatMap((line) => {
    if (line.startsWith("#") || line.trim() === "") return [];
    const text = line.trim();
    const negated = text.startsWith("!");
    const pattern = cleaned(negated ? text.slice(1).trim() : text);
    return pattern === "" ? [] : [negated ? `!${pattern}` : pattern];
  });
}

/** A path as Go cleans it: no empty parts, no `.`, `..` taken back. */
function cleaned(pattern: string): string {
  if (pattern === "") return "";
  const parts: string[] = [];
  for (const part of pattern.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === ".." && parts.length > 0 && parts.at(-1) !== "..") parts.pop();
    else if (part !== ".." || !pattern.startsWith("/")) parts.push(part);
  }
  return parts.join("/") || (pattern.startsWith("/") ? "/" : ".");
}
