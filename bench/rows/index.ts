import type { Bench } from "../row.ts";
import { control } from "./control.ts";
import { frontends } from "./frontend.ts";
import { images } from "./images.ts";
import { llbGraph } from "./llb.ts";
import { nullPeer } from "./null-peer.ts";
import { progress } from "./progress.ts";
import { transfers } from "./transfer.ts";

export const benches: readonly Bench[] = [
  ...control,
  ...transfers,
  ...images,
  ...nullPeer,
  ...llbGraph,
  ...progress,
  ...frontends,
];
