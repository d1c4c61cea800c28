import { LlbError, shown } from "./error.ts";
import type { Place } from "./place.ts";
import { checkText } from "./text.ts";

/**
 * Who owns a file: `user`, `user:group` with names or numbers, or the two apart. Names are looked up in the state that
 * is changed, not in the one that is copied from; a name that nobody has there, and an empty one, is root.
 */
export type OwnerOption = string | { readonly user?: string | number; readonly group?: string | number };

/** An owner with names and ids told apart. */
export interface Owner {
  readonly user?: OwnerPart;
  readonly group?: OwnerPart;
}

/** A name or an id. */
export type OwnerPart = { readonly name: string } | { readonly id: number };

/** Reads an owner. */
export function ownerOf(option: OwnerOption, place: Place): Owner {
  const { user, group } = typeof option === "string" ? splitOwner(option) : option;
  return Object.freeze({
    ...(user !== undefined && {
      user: typeof user === "string" ? named(user, place) : numbered(user, place),
    }),
    ...(group !== undefined && {
      group: typeof group === "string" ? named(group, place) : numbered(group, place),
    }),
  });
}

function splitOwner(text: string): { readonly user: string | number; readonly group?: string | number } {
  const colon = text.indexOf(":");
  return colon < 0
    ? { user: idOrName(text) }
    : { user: idOrName(text.slice(0, colon)), group: idOrName(text.slice(colon + 1)) };
}

/** Go reads a number of 32 bits with a sign as an id, of which a negative one wraps around; all else is a name. */
function idOrName(text: string): string | number {
  if (text === "root") {
    return 0;
  }
  const value = /^[+-]?[0-9]+$/.test(text) ? Number(text) : Number.NaN;
  return value >= -(2 ** 31) && value < 2 ** 31 ? value >>> 0 : text;
}

function named(name: string, place: Place): OwnerPart {
  checkText(name, place);
  return name === "" ? { id: 0 } : { name };
}

function numbered(id: number, place: Place): OwnerPart {
  if (!Number.isInteger(id) || id < 0 || id > 0xffffffff) {
    throw new LlbError(`owner ${shown(id)} is not a whole number from 0 to 2^32-1`, {
      reason: "file-action",
      value: id,
      place,
    });
  }
  return { id };
}
