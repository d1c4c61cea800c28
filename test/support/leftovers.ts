import { readdir, readFile } from "node:fs/promises";
import path from "node:path";

/** What is still there of an engine: its processes, mounts, control groups, files and bridge. */
export async function leftoversOf(directory: string, bridge: string): Promise<string[]> {
  const found = await Promise.all([
    processes(directory),
    mounts(directory),
    controlGroups(path.basename(directory)),
    files(directory),
    bridges(bridge),
  ]);
  return found.flat();
}

/** The processes whose command line, with a zero byte after each word, contains the text. */
export async function processes(text: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (command.includes(text)) found.push(`process ${pid}: ${command.replaceAll("\0", " ")}`);
  }
  return found;
}

async function mounts(directory: string): Promise<string[]> {
  const table = await readFile("/proc/self/mounts", "utf8");
  return table
    .split("\n")
    .filter((line) => line.includes(directory))
    .map((line) => `mount ${line}`);
}

async function controlGroups(name: string): Promise<string[]> {
  const root = "/sys/fs/cgroup";
  const controllers = await readdir(root).catch(() => []);
  const places = [
    path.join(root, name),
    ...controllers.map((controller) => path.join(root, controller, name)),
  ];
  const present = await Promise.all(
    places.map((place) =>
      readdir(place).then(
        () => [`control group ${place}`],
        () => [],
      ),
    ),
  );
  return present.flat();
}

async function files(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch(() => []);
  return names.map((name) => `file ${path.join(directory, name)}`);
}

async function bridges(name: string): Promise<string[]> {
  const names = await readdir("/sys/class/net");
  return names.includes(name) ? [`bridge ${name}`] : [];
}
