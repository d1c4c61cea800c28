/**
 * Texts in the order of {@link compareUtf8}. Without surrogates that is JavaScript's own, which it sorts by several times faster:
 * a graph has as many digests as ops.
 */
export function sortedUtf8(texts: Iterable<string>): readonly string[] {
  const sorted = [...texts].sort();
  return sorted.some((text) => /[\ud800-\udfff]/.test(text)) ? sorted.sort(compareUtf8) : sorted;
}

/**
 * Orders texts by their UTF-8 bytes, as Go sorts strings. JavaScript compares UTF-16 units, which puts the code points
 * above U+FFFF before U+E000.
 */
export function compareUtf8(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length);
  for (let at = 0; at < shorter; at++) {
    const x = a.charCodeAt(at);
    const y = b.charCodeAt(at);
    if (x !== y) {
      const xIsSurrogate = x >= 0xd800 && x <= 0xdfff;
      const yIsSurrogate = y >= 0xd800 && y <= 0xdfff;
      return xIsSurrogate === yIsSurrogate ? x - y : xIsSurrogate ? 1 : -1;
    }
  }
  return a.length - b.length;
}

/** Whether a text has half a surrogate pair: it has no UTF-8 form, and would silently become U+FFFD. */
export function hasLoneSurrogate(text: string): boolean {
  return /[\ud800-\udfff]/u.test(text);
}
