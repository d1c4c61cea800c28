import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { memoryStore, ociLayoutStore } from "@buildkit-node/session";
import { afterAll } from "vitest";
import { contentStoreCompliance } from "./content-store-compliance.ts";

const dirs: string[] = [];
afterAll(() => Promise.all(dirs.map((dir) => rm(dir, { recursive: true, force: true }))));

contentStoreCompliance("memoryStore", async () => {
  const store = memoryStore();
  return () => store;
});

contentStoreCompliance("ociLayoutStore", async () => {
  const dir = await mkdtemp(join(tmpdir(), "content-store-"));
  dirs.push(dir);
  const store = ociLayoutStore(dir);
  return () => store;
});

contentStoreCompliance("ociLayoutStore, opened anew for each call", async () => {
  const dir = await mkdtemp(join(tmpdir(), "content-store-"));
  dirs.push(dir);
  return () => ociLayoutStore(dir);
});
