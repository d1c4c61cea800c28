import { randomBytes } from "node:crypto";
import path from "node:path";

/** What of a name is kept: with the rest it has to fit the 255 bytes that a name may have. */
const keptCharacters = 50;

/** A path beside `dest` for what is not complete; its name says so, and whose it is. */
export function partialPath(dest: string): string {
  const name = [...path.basename(dest)].slice(0, keptCharacters).join("");
  return path.join(path.dirname(dest), `.${name}.${randomBytes(8).toString("hex")}.partial`);
}
