import { Exporter } from "@buildkit-node/proto/exporter";
import { type BuildOutcome, exporterService } from "@buildkit-node/session";
import { expect, it } from "vitest";
import { callServices } from "./support/service-peer.ts";

it("chooses exporters by the result, and hears what they did", async () => {
  const heard: (BuildOutcome | Readonly<Record<string, string>>)[] = [];
  await using peer = await callServices(
    exporterService({
      find: async (outcome) => {
        heard.push(outcome);
        return outcome.refs.map((ref) => ({ type: "image", attrs: { name: `app:${ref}` } }));
      },
      finalize: async (response) => {
        heard.push(response);
      },
    }),
  );
  const client = peer.client(Exporter);
  const metadata = { "containerimage.config": Buffer.from("{}") };
  const { exporters } = await client.findExporters({ metadata, refs: ["linux/amd64", "linux/arm64"] });
  expect(exporters).toMatchObject([
    { Type: "image", Attrs: { name: "app:linux/amd64" } },
    { Type: "image", Attrs: { name: "app:linux/arm64" } },
  ]);
  await client.finalizeExport({ exporterResponse: { "image.name": "app" } });
  expect(heard).toMatchObject([{ refs: ["linux/amd64", "linux/arm64"] }, { "image.name": "app" }]);
  expect(Buffer.from((heard[0] as BuildOutcome).metadata["containerimage.config"]!).toString()).toBe("{}");
});

it("need not hear of it", async () => {
  await using peer = await callServices(exporterService({ find: async () => [] }));
  const client = peer.client(Exporter);
  expect((await client.findExporters({})).exporters).toEqual([]);
  await client.finalizeExport({ exporterResponse: {} });
});

it("fails the build when choosing fails", async () => {
  await using peer = await callServices(
    exporterService({
      find: async () => {
        throw new Error("no exporter for this");
      },
    }),
  );
  await expect(peer.client(Exporter).findExporters({})).rejects.toMatchObject({
    text: "no exporter for this",
  });
});
