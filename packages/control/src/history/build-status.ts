import type { BuildRecord } from "./build-record.ts";

/** How a build is, or was. */
export type BuildStatus = "running" | "completed" | "error" | "canceled";

export function statusOf({ completed, error }: Pick<BuildRecord, "completed" | "error">): BuildStatus {
  if (completed === undefined) return "running";
  if (error === undefined) return "completed";
  return error.includes("context canceled") ? "canceled" : "error";
}
