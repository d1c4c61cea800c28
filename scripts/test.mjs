// `npm test` on a fresh machine: set-up first, then everything that must hold.
import { bootstrap, pnpm, run } from "./bootstrap.mjs";

bootstrap();
run(pnpm, ["run", "check"]);
