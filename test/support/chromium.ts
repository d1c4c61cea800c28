import { execFile } from "node:child_process";
import { access, constants, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { canProvide, provideSets } from "../../scripts/debian/provide.ts";

/** A Chromium that can be run. */
export interface Chromium {
  readonly program: string;
  /** What its environment has besides this process's. */
  readonly env: Readonly<Record<string, string>>;
}

const names = ["chromium", "chromium-browser", "google-chrome"];

/**
 * `CHROMIUM`, else a program on `PATH`, else the one of Debian's packages; undefined where there is none, which is on
 * machines that are no Debian.
 *
 * @throws Error when `CHROMIUM` names no program, and when the packages cannot be had
 */
export async function provideChromium(): Promise<Chromium | undefined> {
  const given = process.env["CHROMIUM"];
  const folders = (process.env["PATH"] ?? "").split(path.delimiter);
  const candidates =
    given === undefined ? folders.flatMap((folder) => names.map((name) => path.join(folder, name))) : [given];
  for (const program of candidates) {
    const isThere = await access(program, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return { program, env: {} };
  }
  if (given !== undefined) throw new Error(`CHROMIUM is ${given}, which is no program`);
  return (await canProvide()) ? await debianChromium() : undefined;
}

async function debianChromium(): Promise<Chromium> {
  const { chromium } = await provideSets("chromium");
  return {
    program: path.join(chromium.root, "usr/lib/chromium/chromium-headless-shell"),
    env: {
      LD_LIBRARY_PATH: chromium.libraryFolders.join(":"),
      FONTCONFIG_PATH: path.join(chromium.root, "etc/fonts"),
    },
  };
}

/** Runs a script as a page without a screen, and gives the text that it leaves in the page's body. */
export async function runInChromium({ program, env }: Chromium, script: string): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), "buildkit-node-page-"));
  try {
    const page = path.join(folder, "page.html");
    await writeFile(path.join(folder, "script.js"), script);
    await writeFile(page, `<!doctype html><body><script src="script.js"></script></body>`);
    const { stdout } = await promisify(execFile)(
      program,
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
      { timeout: 60_000, maxBuffer: 16 * 2 ** 20, env: { ...process.env, ...env } },
    );
    return /<output>(.*?)<\/output>/s.exec(stdout)?.[1] ?? stdout;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
