import { createHash } from "node:crypto";
import { type Client, connect } from "@buildkit-node/control";
import { mkfile, scratch } from "@buildkit-node/llb";
import { expect, it } from "vitest";
import { describeEachDaemon } from "../support/ways.ts";

describeEachDaemon("the daemon's content store", ({ address }) => {
  it("tells about its blobs, lists them and reads them, whole and in part", async () => {
    await using client = await connect(address);
    const digest = await aStatement(client);
    const record = await client.content.info(digest);
    expect(record).toMatchObject({ digest });
    const whole = await bytesOf(client.content.read(digest));
    expect(whole.length).toBe(record?.sizeBytes);
    expect(`sha256:${createHash("sha256").update(whole).digest("hex")}`).toBe(digest);
    const part = await bytesOf(client.content.read(digest, { offsetBytes: 7, lengthBytes: 5 }));
    expect(part).toEqual(whole.subarray(7, 12));
    for await (const one of client.content.list()) {
      expect(one.digest).toMatch(/^sha256:/);
      break;
    }
  });

  it("says what it does not have, and refuses what is no range", async () => {
    await using client = await connect(address);
    const missing = `sha256:${"0".repeat(64)}`;
    expect(await client.content.info(missing)).toBeUndefined();
    await expect(bytesOf(client.content.read(missing))).rejects.toMatchObject({ status: "NotFound" });
    await expect(bytesOf(client.content.read(missing, { lengthBytes: 0 }))).rejects.toThrow(
      "lengthBytes is 0",
    );
    await expect(client.content.info("sha256:short")).rejects.toMatchObject({ status: "InvalidArgument" });
  });
});

/** The digest of something that the history of builds keeps. */
async function aStatement(client: Client): Promise<string> {
  const { ref } = await client.solve(scratch().file(mkfile("/file", `${Math.random()}`)));
  return (await client.history.get(ref))!.results.get("")!.attestations[0]!.digest;
}

async function bytesOf(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}
