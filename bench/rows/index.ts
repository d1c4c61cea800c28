import type { Bench } from "../row.ts";
import { progress } from "./progress.ts";
import { transfers } from "./transfer.ts";

export const benches: readonly Bench[] = [...transfers, ...progress];
