// A program that takes the lock that it is given, tells its parent, and keeps it.
import { withLock } from "../../scripts/debian/lock.ts";

const [, , file = ""] = process.argv;
await withLock(
  file,
  () => {},
  () => new Promise(() => process.send?.("locked")),
);
