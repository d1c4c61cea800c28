/** Text as it may stand in HTML, also within a quoted attribute. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** A number for a style or an SVG attribute. */
export function short(value: number): string {
  return String(Math.round(value * 100) / 100);
}
