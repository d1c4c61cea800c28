import { benchLlb } from "../llb.ts";
import { alone, type Bench } from "../row.ts";

/** The graph of 10,000 ops, and beside it the floor: hashing the same bytes. */
export const llbGraph: readonly Bench[] = [
  {
    name: "llb",
    about: "building and marshalling a graph of 10,000 ops, and hashing its bytes",
    async run() {
      const { buildMs, marshalMs, coldMs, hashMs } = benchLlb();
      return [
        alone({ name: "llb-build-and-marshal", unit: "ms" }, [buildMs + marshalMs]),
        alone({ name: "llb-first-run", unit: "ms" }, [coldMs]),
        alone({ name: "llb-floor-hashing", unit: "ms" }, [hashMs]),
      ];
    },
  },
];
