// Builds with a step that fails, and opens a shell in it.
//
//   node main.ts
import { connect, llb } from "buildkit-node";
import { shellOnFailure } from "./shell-on-failure.ts";
import { processTerminal } from "./terminal.ts";

const app = llb
  .image("docker.io/library/alpine:3.20")
  .dir("/work")
  .run(["sh", "-c", "echo half >result; exit 7"], { env: { WORD: "hello" } });

await using client = await connect();
await client.build(shellOnFailure(app, processTerminal())).catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
