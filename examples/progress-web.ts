// A build in the browser, live, by server-sent events. Here the build is a recording:
// progress-web.ts [--speed 2] [--port 8080] recording.rawjson
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { parseArgs } from "node:util";
import type { ProgressDisplay } from "buildkit-node";
import { BuildModel, readRecording, replay, timingPage } from "buildkit-node/progress";

const INTERVAL_MS = 200;

const PAGE = `<!doctype html><meta charset="utf-8"><title>Build</title>
<style>body{font:14px system-ui;margin:2rem} td{padding:.2rem .8rem} .error{color:#c00} .cached{color:#080} .pending{color:#888}</style>
<h1 id="title">Build</h1><table id="steps"></table><p><a href="/report">What it has done so far</a></p>
<script>
new EventSource("/events").onmessage = ({ data }) => {
  const { totals, steps } = JSON.parse(data);
  document.getElementById("title").textContent = "Build: " + totals.completed + " of " + totals.steps + " steps";
  const rows = steps.map(({ number, name, state, line }) => {
    const row = document.createElement("tr");
    row.className = state;
    for (const text of [number, state, name, line]) row.insertCell().textContent = text;
    return row;
  });
  document.getElementById("steps").replaceChildren(...rows);
};
</script>`;

/** Tells every listener how the build stands, and newcomers at once. */
class WebProgress implements ProgressDisplay {
  readonly #listeners = new Set<ServerResponse>();
  #model = new BuildModel();
  #timer: ReturnType<typeof setTimeout> | undefined;

  attach() {
    this.#model = new BuildModel();
    const model = this.#model;
    return {
      update: (update: Parameters<BuildModel["apply"]>[0]) => {
        model.apply(update);
        this.#timer ??= setTimeout(() => this.#tell(), INTERVAL_MS);
      },
      end: async () => {
        model.finish();
        this.#tell();
      },
    };
  }

  listen(response: ServerResponse): void {
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
    this.#listeners.add(response);
    response.on("close", () => this.#listeners.delete(response));
    response.write(this.#event());
  }

  report(): string {
    return timingPage(this.#model, { title: "Build" });
  }

  #tell(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const listener of this.#listeners) listener.write(this.#event());
  }

  #event(): string {
    const steps = this.#model.steps.map(({ number, name, state, log }) => {
      return { number, name, state, line: log.last(1)[0]?.text ?? "" };
    });
    return `data: ${JSON.stringify({ totals: this.#model.totals, steps })}\n\n`;
  }
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { speed: { type: "string", default: "1" }, port: { type: "string", default: "0" } },
});
const [file] = positionals;
if (file === undefined) throw new Error("give a recording: what `rawjson` progress wrote");

const progress = new WebProgress();
const server = createServer((request, response) => {
  if (request.url === "/events") progress.listen(response);
  else
    response.setHeader("content-type", "text/html").end(request.url === "/report" ? progress.report() : PAGE);
});
server.listen(Number(values.port), "127.0.0.1");
await once(server, "listening");
console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
const sink = progress.attach();
await replay(readRecording(createReadStream(file)), sink, { speed: Number(values.speed) });
await sink.end();
