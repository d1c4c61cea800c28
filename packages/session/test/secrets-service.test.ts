import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { Secrets } from "@buildkit-node/proto/secrets";
import { maxSecretBytes, type SecretsOptions, secretsService } from "@buildkit-node/session";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { callServices, type ServicePeer } from "./support/service-peer.ts";

let dir: string;
let peer: ServicePeer | undefined;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "secrets-service-"));
});
afterEach(async () => {
  await peer?.[Symbol.asyncDispose]();
  peer = undefined;
  await rm(dir, { recursive: true, force: true });
});

async function asker(options: SecretsOptions): Promise<(ID: string) => Promise<string>> {
  peer = await callServices(await secretsService(options));
  const client = peer.client(Secrets);
  return async (ID) => Buffer.from((await client.getSecret({ ID })).data).toString();
}

const notFound = { code: "ERR_BUILDKIT_STATUS", status: "NotFound" };

describe("secrets", () => {
  it("come from files, variables, values and functions", async () => {
    const file = join(dir, "secret");
    await writeFile(file, "from a file");
    const ask = await asker({
      secrets: {
        file: { file },
        env: { env: "TOKEN" },
        text: { value: "text" },
        bytes: { value: Buffer.from("bytes") },
        fn: async (id) => `made for ${id}`,
      },
      env: { TOKEN: "from a variable" },
    });
    expect(await ask("file")).toBe("from a file");
    expect(await ask("env")).toBe("from a variable");
    expect(await ask("text")).toBe("text");
    expect(await ask("bytes")).toBe("bytes");
    expect(await ask("fn")).toBe("made for fn");
    await writeFile(file, "changed");
    expect(await ask("file")).toBe("changed");
  });

  it("are not found when nobody has them, so that optional ones work", async () => {
    const ask = await asker({ secrets: { known: { value: "" }, none: async () => undefined } });
    expect(await ask("known")).toBe("");
    for (const id of ["none", "unknown", "", "__proto__", "constructor", "HTTP_AUTH_TOKEN_example.com"]) {
      await expect(ask(id)).rejects.toMatchObject(notFound);
    }
  });

  it("may all come from one function", async () => {
    const ask = await asker({ secrets: async (id) => (id === "a" ? Buffer.from("A") : undefined) });
    expect(await ask("a")).toBe("A");
    await expect(ask("b")).rejects.toMatchObject(notFound);
  });

  it("are refused before a build starts when they cannot be had or are too large", async () => {
    const large = join(dir, "large");
    await writeFile(large, Buffer.alloc(maxSecretBytes + 1));
    for (const source of [
      { file: join(dir, "absent") },
      { file: dir },
      { file: large },
      { env: "UNSET" },
      { env: "LARGE" },
      { value: "x".repeat(maxSecretBytes + 1) },
    ]) {
      const env = { LARGE: "x".repeat(maxSecretBytes + 1) };
      const error = await secretsService({ secrets: { npmrc: source }, env }).catch(
        (thrown: unknown) => thrown,
      );
      expect(error).toMatchObject({
        code: "ERR_BUILDKIT_INVALID_ARGUMENT",
        argument: "secrets",
        value: "npmrc",
        message: expect.stringContaining("npmrc"),
      });
      expect((error as Error).message.length).toBeLessThan(300);
    }
  });

  it.each(["s3cret", 5, null, {}, { value: undefined }, { value: 5 }])(
    "are refused without being repeated where there is no source: %o",
    async (given) => {
      // What a program without types may well give: the secret itself.
      const secrets = { npmrc: given } as unknown as SecretsOptions["secrets"];
      const error = await secretsService({ secrets }).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: "ERR_BUILDKIT_INVALID_ARGUMENT", value: "npmrc" });
      expect(inspect(error)).not.toContain("s3cret");
    },
  );

  it("fail the build when they cannot be had or have grown too large, without a word of what they are", async () => {
    const file = join(dir, "secret");
    await writeFile(file, "");
    const ask = await asker({
      secrets: {
        file: { file },
        large: async () => "x".repeat(maxSecretBytes + 1),
        endless: { file: "/dev/zero" },
        failing: async () => {
          throw new Error("the vault is sealed");
        },
      },
    });
    await rm(file);
    await expect(ask("file")).rejects.toMatchObject({
      status: "Unknown",
      text: expect.stringContaining(file),
    });
    await expect(ask("large")).rejects.toMatchObject({
      text: expect.stringContaining(`more than the ${maxSecretBytes} bytes`),
    });
    await expect(ask("endless")).rejects.toMatchObject({ text: expect.stringContaining("more than the") });
    await expect(ask("failing")).rejects.toMatchObject({ text: "the vault is sealed" });
  });

  it("of the largest size go through", async () => {
    const ask = await asker({ secrets: { most: { value: Buffer.alloc(maxSecretBytes, 0x61) } } });
    expect((await ask("most")).length).toBe(maxSecretBytes);
  });
});
