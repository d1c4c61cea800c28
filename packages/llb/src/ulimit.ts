import type { EntryPoint } from "./call-site.ts";
import { LlbError, shown } from "./error.ts";
import type { Int } from "./wire/field.ts";

/** The limits that Linux knows; others may be named too. */
export type UlimitName =
  | "core"
  | "cpu"
  | "data"
  | "fsize"
  | "locks"
  | "memlock"
  | "msgqueue"
  | "nice"
  | "nofile"
  | "nproc"
  | "rss"
  | "rtprio"
  | "rttime"
  | "sigpending"
  | "stack"
  | (string & {});

/** A limit for the processes of a step; -1 is no limit. */
export interface Ulimit {
  readonly name: UlimitName;
  readonly soft: Int;
  readonly hard: Int;
}

/** Checks a limit. */
export function ulimitOf(limit: Ulimit, entry: EntryPoint): Ulimit {
  for (const value of [limit.soft, limit.hard]) {
    if (typeof value === "number" && !Number.isSafeInteger(value)) {
      throw new LlbError(
        `ulimit ${shown(limit.name)}: ${value} is not a whole number; use a bigint beyond 2^53`,
        {
          reason: "setting",
          value,
          entry,
        },
      );
    }
  }
  return Object.freeze({ name: limit.name, soft: limit.soft, hard: limit.hard });
}
