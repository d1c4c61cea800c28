import { appendFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";

/** A context of one file of so many MB whose bytes do not compress. */
export function largeTree(root: string, megabytes = 512): string {
  const dir = path.join(root, `large-${megabytes}`);
  return once(dir, () => {
    const block = noise(1 << 20, 1);
    for (let i = 0; i < megabytes; i++) {
      block.writeUInt32LE(i, 0);
      appendFileSync(path.join(dir, "large.bin"), block);
    }
  });
}

/** A context of 20,000 files of 2 kB in 200 folders. */
export function manyTree(root: string, folders = 200, files = 100): string {
  const dir = path.join(root, `many-${folders}x${files}`);
  return once(dir, () => {
    const content = noise(2000, 2);
    for (let f = 0; f < folders; f++) {
      const folder = path.join(dir, `folder-${String(f).padStart(4, "0")}`);
      mkdirSync(folder);
      for (let i = 0; i < files; i++) {
        content.writeUInt32LE(f * files + i, 0);
        writeFileSync(path.join(folder, `file-${String(i).padStart(5, "0")}.dat`), content);
      }
    }
  });
}

/** A file beside the tree says that it is whole. */
function once(dir: string, fill: () => void): string {
  const whole = `${dir}.whole`;
  if (!existsSync(whole)) {
    mkdirSync(dir, { recursive: true });
    fill();
    writeFileSync(whole, "");
  }
  return dir;
}

/** Bytes that are the same on each run: a xorshift generator's. */
function noise(size: number, seed: number): Buffer {
  const bytes = Buffer.alloc(size);
  let state = seed * 2654435761;
  for (let i = 0; i + 4 <= size; i += 4) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes.writeInt32LE(state | 0, i);
  }
  return bytes;
}
