/** Options whose value is `undefined` leave the daemon's default as it is. */
type AttributeValue = string | number | boolean | undefined;

/** Attributes as the daemon takes them: texts, those that were not given left out. */
export function attributes(values: Readonly<Record<string, AttributeValue>>): Record<string, string> {
  const attrs: Record<string, string> = {};
  for (const [key, value] of Object.entries(values)) {
    if (value !== undefined) attrs[key] = String(value);
  }
  return attrs;
}
