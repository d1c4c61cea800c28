import { shown } from "./error.ts";
import { checkInt64 } from "./int64.ts";
import type { Place } from "./place.ts";
import { checkText } from "./text.ts";
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
export function ulimitOf({ name, soft, hard }: Ulimit, place: Place): Ulimit {
  checkText(name, place);
  checkInt64(soft, `ulimit ${shown(name)}:`, place);
  checkInt64(hard, `ulimit ${shown(name)}:`, place);
  return Object.freeze({ name, soft, hard });
}
