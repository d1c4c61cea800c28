import { execFile } from "node:child_process";
import { access, constants, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";

const names = ["chromium", "chromium-browser", "google-chrome"];

/**
 * Where Chromium is: `CHROMIUM`, or a program on `PATH`; undefined where there is none.
 *
 * @throws Error when `CHROMIUM` names no program
 */
export async function findChromium(): Promise<string | undefined> {
  const given = process.env["CHROMIUM"];
  const folders = (process.env["PATH"] ?? "").split(path.delimiter);
  const candidates =
    given === undefined ? folders.flatMap((folder) => names.map((name) => path.join(folder, name))) : [given];
  for (const candidate of candidates) {
    const isThere = await access(candidate, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return candidate;
  }
  if (given === undefined) return undefined;
  throw new Error(`CHROMIUM is ${given}, which is no program`);
}

/** Runs a script as a page without a screen, and gives the text that it leaves in the page's body. */
export async function runInChromium(chromium: string, script: string): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), "buildkit-node-page-"));
  try {
    const page = path.join(folder, "page.html");
    await writeFile(path.join(folder, "script.js"), script);
    await writeFile(page, `<!doctype html><body><script src="script.js"></script></body>`);
    const { stdout } = await promisify(execFile)(
      chromium,
      [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
        `--user-data-dir=${path.join(folder, "profile")}`,
        "--dump-dom",
        `file://${page}`,
      ],
      { timeout: 60_000, maxBuffer: 16 * 2 ** 20 },
    );
    return /<output>(.*?)<\/output>/s.exec(stdout)?.[1] ?? stdout;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
