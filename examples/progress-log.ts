// Follows a build in a loop and logs what it is told, a line per event: the events are plain objects.
import { type BuildEvent, connect, llb } from "buildkit-node";

function describe(event: BuildEvent): string | undefined {
  switch (event.kind) {
    case "vertex": {
      const { name, cached, completed, error } = event.vertex;
      if (error) return `failed: ${name}: ${error}`;
      return completed === undefined ? undefined : `${cached ? "cached" : "done"}: ${name}`;
    }
    case "progress":
      return event.status.completed === undefined ? undefined : `${event.status.id} ${event.status.current}`;
    case "log":
      return Buffer.from(event.log.data).toString().trimEnd();
    case "warning":
      return `warning: ${event.warning.short}`;
  }
}

await using client = await connect();
const graph = llb.scratch().file(llb.mkfile("/hello.txt", "hello\n"));
const build = client.start(llb.marshal(graph, { platform: "linux/amd64" }));
for await (const event of build.events()) {
  const line = describe(event);
  if (line !== undefined) console.log(`${new Date().toISOString()} ${line}`);
}
await build.result;
