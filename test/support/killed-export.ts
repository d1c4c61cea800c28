import { readdirSync } from "node:fs";
import { connect, type Exporter, type LocalResult, llb, local } from "buildkit-node";

// Exports a directory into `dest` of `parent`, and is killed as soon as a file of it is there.

const [address, parent = "", dest = ""] = process.argv.slice(2);

function killedInTheMiddle(exporter: Exporter<LocalResult>): Exporter<LocalResult> {
  return {
    ...exporter,
    async prepare(context) {
      const prepared = await exporter.prepare(context);
      const { sink } = prepared;
      if (sink === undefined) return prepared;
      const receive: typeof sink.receive = (call) => {
        const read: typeof call.read = (onMessage) =>
          call.read((message) => {
            onMessage(message);
            const names = readdirSync(parent, { recursive: true, encoding: "utf8" });
            if (names.some((name) => name.endsWith("file-1"))) process.kill(process.pid, "SIGKILL");
          });
        const killed = new Proxy(call, {
          get: (target, key) => (key === "read" ? read : bound(target, key)),
        });
        return sink.receive(killed);
      };
      return { ...prepared, sink: { ...sink, receive } };
    },
  };
}

function bound(target: object, key: string | symbol): unknown {
  const value: unknown = Reflect.get(target, key);
  return typeof value === "function" ? value.bind(target) : value;
}

const files = Array.from({ length: 5 }, (_, index) => llb.mkfile(`/file-${index}`, `${index}`));
await using client = await connect(address);
await client.solve(llb.scratch().file(files), { exports: [killedInTheMiddle(local({ dest }))] });
