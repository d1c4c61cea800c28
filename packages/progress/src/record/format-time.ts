import type { Timestamp } from "@buildkit-node/core";

/** RFC 3339 in UTC, with as many decimals (up to 7) as tell the moment from its neighbours. */
export function formatTime(timestamp: Timestamp): string {
  const date = new Date(Math.floor(timestamp));
  if (Number.isNaN(date.getTime())) return "1970-01-01T00:00:00Z";
  const seconds = date.toISOString().slice(0, 19);
  const ticks = Math.round((timestamp - Math.floor(timestamp / 1000) * 1000) * 10_000);
  const fraction = String(Math.min(ticks, 9_999_999)).padStart(7, "0").replace(/0+$/, "");
  return fraction === "" ? `${seconds}Z` : `${seconds}.${fraction}Z`;
}

/** The moment that an RFC 3339 text names, with what of its fraction a {@link Timestamp} holds; else undefined. */
export function parseTime(text: string): Timestamp | undefined {
  const parts = /^(\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2})(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/.exec(text);
  if (parts === null) return undefined;
  const whole = Date.parse(`${parts[1]}${parts[3]}`);
  return Number.isNaN(whole) ? undefined : whole + Number(parts[2] ?? 0) * 1000;
}
