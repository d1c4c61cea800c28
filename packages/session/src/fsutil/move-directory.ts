import fs from "node:fs";
import { type ByteString, fromText, toFsPath } from "./byte-string.ts";
import { below, Destination, type Place } from "./destination.ts";
import type { Directory } from "./directory-handles.ts";
import { applyMetadata } from "./entry-metadata.ts";
import { toFsTime } from "./file-times.ts";

/**
 * Gives a directory its name. Where there is a directory of that name by now, as when several builds make one together, what
 * is in the first goes into that, and takes the place of what has its names.
 */
export function moveDirectory(from: string, to: string): void {
  try {
    fs.renameSync(from, to);
  } catch (error) {
    if (fs.statSync(to, { throwIfNoEntry: false })?.isDirectory() !== true) throw error;
    const destination = new Destination(to);
    try {
      moveEntries(fromText(from), destination, destination.root);
      fs.rmdirSync(from);
    } catch (failure) {
      destination.removeCreated();
      throw failure;
    } finally {
      destination.close();
    }
  }
}

function moveEntries(from: ByteString, destination: Destination, directory: Directory): void {
  for (const name of fs.readdirSync(toFsPath(from), "latin1")) {
    const source = `${from}/${name}`;
    const place = { directory, name };
    const stats = fs.lstatSync(toFsPath(source), { bigint: true });
    if (!stats.isDirectory()) destination.take(toFsPath(source), place);
    else moveInto(source, stats, destination, place);
  }
}

function moveInto(source: ByteString, stats: fs.BigIntStats, destination: Destination, place: Place): void {
  const permissions = Number(stats.mode) & 0o7777;
  // To leave a directory, or to be emptied, a directory must be writable.
  if (permissions !== (permissions | 0o700)) fs.chmodSync(toFsPath(source), permissions | 0o700);
  const isNew = destination.stat(place)?.isDirectory() !== true;
  const directory = below(place, isNew);
  if (isNew) {
    destination.remove(place);
    destination.take(toFsPath(source), place);
  } else {
    destination.makeWritable(directory);
    moveEntries(source, destination, directory);
    fs.rmdirSync(toFsPath(source));
  }
  const owner = { uid: Number(stats.uid), gid: Number(stats.gid) };
  destination.withDescriptor(directory, (descriptor) =>
    applyMetadata(descriptor, owner, { permissions, time: toFsTime(stats.mtimeNs) }),
  );
}
