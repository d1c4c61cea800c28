import { type Client, hasCapability } from "@buildkit-node/control";
import type { TestContext } from "vitest";

/** Skips the test where the daemon lacks a capability; the summary lists it with this reason. */
export async function needsCapability(context: TestContext, client: Client, id: string): Promise<void> {
  if (hasCapability(await client.capabilities(), id)) return;
  context.skip(`the daemon lacks the capability ${id}`);
}
