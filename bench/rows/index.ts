import type { Bench } from "../row.ts";
import { transfers } from "./transfer.ts";

export const benches: readonly Bench[] = [...transfers];
