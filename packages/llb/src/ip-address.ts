/** An IP address in its shortest form, as Go writes it; an IPv4 address mapped to IPv6 is written as IPv4. */
export function formatIp(text: string): string | undefined {
  const groups = text.includes(":") ? parseV6(text) : undefined;
  const v4 = groups === undefined ? parseV4(text) : mappedV4(groups);
  return v4?.join(".") ?? (groups === undefined ? undefined : formatV6(groups));
}

function parseV4(text: string): readonly number[] | undefined {
  const parts = text.split(".");
  const isValid =
    parts.length === 4 && parts.every((part) => /^(0|[1-9][0-9]{0,2})$/.test(part) && Number(part) < 256);
  return isValid ? parts.map(Number) : undefined;
}

/** The eight groups of an IPv6 address. */
function parseV6(text: string): readonly number[] | undefined {
  const lastColon = text.lastIndexOf(":");
  const v4 = text.includes(".") ? parseV4(text.slice(lastColon + 1)) : undefined;
  if (text.includes(".") && v4 === undefined) {
    return undefined;
  }
  const [a = 0, b = 0, c = 0, d = 0] = v4 ?? [];
  const hex = v4 === undefined ? text : `${text.slice(0, lastColon + 1)}${group(a, b)}:${group(c, d)}`;
  const halves = hex.split("::");
  const [head = [], tail = []] = halves.map((half) => (half === "" ? [] : half.split(":")));
  const missing = 8 - head.length - tail.length;
  const isValid =
    [...head, ...tail].every((part) => /^[0-9a-fA-F]{1,4}$/.test(part)) &&
    (halves.length === 1 ? missing === 0 : halves.length === 2 && missing >= 1);
  if (!isValid) {
    return undefined;
  }
  return [...head, ...Array.from({ length: missing }, () => "0"), ...tail].map((part) =>
    Number.parseInt(part, 16),
  );
}

function group(high: number, low: number): string {
  return ((high << 8) | low).toString(16);
}

function mappedV4(groups: readonly number[]): readonly number[] | undefined {
  const [high = 0, low = 0] = groups.slice(6);
  const isMapped = groups.slice(0, 5).every((part) => part === 0) && groups[5] === 0xffff;
  return isMapped ? [high >> 8, high & 0xff, low >> 8, low & 0xff] : undefined;
}

/** The longest run of two or more zero groups is written `::`; the first of equally long ones. */
function formatV6(groups: readonly number[]): string {
  let best = { start: -1, length: 1 };
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === 0) {
      length += 1;
    }
    if (length > best.length) {
      best = { start, length };
    }
  }
  const hex = groups.map((part) => part.toString(16));
  return best.start < 0
    ? hex.join(":")
    : `${hex.slice(0, best.start).join(":")}::${hex.slice(best.start + best.length).join(":")}`;
}
