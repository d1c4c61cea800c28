// `npm run demo` on a fresh machine: set-up first, then the example on a real BuildKit.
import { bootstrap, root, run } from "./bootstrap.mjs";

bootstrap();
try {
  run(process.execPath, ["--conditions=@buildkit-node/source", "--import", "tsx", "scripts/run-demo.ts"], {
    cwd: root,
  });
} catch {
  // The demo has said what went wrong.
  process.exitCode = 1;
}
