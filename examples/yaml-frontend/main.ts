// The process of the frontend's image.
import { runFrontend } from "@buildkit-node/frontend";
import { frontend } from "./frontend.ts";

await runFrontend(frontend);
