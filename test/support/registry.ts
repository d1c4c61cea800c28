import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { provideSets } from "../../scripts/debian/provide.ts";
import { freePort } from "./ports.ts";

/** Debian's docker-registry on a port of this machine, with storage of its own that goes when it stops. */
export interface Registry extends AsyncDisposable {
  /** `127.0.0.1:port`, as image references name it. */
  readonly host: string;
  /** Uploads a blob. */
  putBlob(repository: string, bytes: Uint8Array): Promise<BlobDescriptor>;
  /** Uploads a manifest or an index as it is, under a tag or by its digest. */
  putManifest(repository: string, manifest: ManifestUpload): Promise<BlobDescriptor>;
  /** A manifest's or index's bytes, as the registry serves them. */
  getManifest(repository: string, tagOrDigest: string): Promise<Uint8Array>;
  /** A blob's bytes. */
  getBlob(repository: string, digest: string): Promise<Uint8Array>;
}

export interface ManifestUpload {
  readonly bytes: Uint8Array;
  readonly mediaType: string;
  readonly tag?: string;
}

export interface BlobDescriptor {
  readonly digest: `sha256:${string}`;
  readonly size: number;
}

const manifestTypes = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.docker.distribution.manifest.v2+json",
];

export interface RegistryOptions {
  /** Who may use it, as in the registry's configuration; everybody by default. */
  readonly auth?: object;
}

export async function startRegistry({ auth }: RegistryOptions = {}): Promise<Registry> {
  const { registry } = await provideSets("registry");
  const directory = await mkdtemp(path.join(tmpdir(), "bk-registry-"));
  const host = `127.0.0.1:${await freePort()}`;
  const config = path.join(directory, "config.yml");
  await writeFile(config, configOf(host, directory, auth));
  const program = path.join(registry.root, "usr/bin/docker-registry");
  const child = spawn(program, ["serve", config], { stdio: "ignore" });
  const exited = once(child, "exit");
  const request = requester(`http://${host}/v2`);
  await untilAnswers(`http://${host}/v2/`);
  return {
    host,
    async putBlob(repository, bytes) {
      const descriptor = describe(bytes);
      const started = await request(`/${repository}/blobs/uploads/`, { method: "POST" });
      const upload = new URL(started.headers.get("location") ?? "", `http://${host}`);
      upload.searchParams.set("digest", descriptor.digest);
      await request(upload, { method: "PUT", body: bytes });
      return descriptor;
    },
    async putManifest(repository, { bytes, mediaType, tag }) {
      const descriptor = describe(bytes);
      await request(`/${repository}/manifests/${tag ?? descriptor.digest}`, {
        method: "PUT",
        headers: { "content-type": mediaType },
        body: bytes,
      });
      return descriptor;
    },
    async getManifest(repository, tagOrDigest) {
      const headers = { accept: manifestTypes.join(", ") };
      const answer = await request(`/${repository}/manifests/${tagOrDigest}`, { headers });
      return new Uint8Array(await answer.arrayBuffer());
    },
    async getBlob(repository, digest) {
      const answer = await request(`/${repository}/blobs/${digest}`);
      return new Uint8Array(await answer.arrayBuffer());
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await exited;
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function configOf(host: string, directory: string, auth: object | undefined): string {
  return [
    "version: 0.1",
    "log: { level: error }",
    `http: { addr: "${host}" }`,
    `storage: { filesystem: { rootdirectory: "${directory}" }, delete: { enabled: true } }`,
    ...(auth === undefined ? [] : [`auth: ${JSON.stringify(auth)}`]),
  ].join("\n");
}

function requester(base: string) {
  return async (to: string | URL, init: RequestInit = {}): Promise<Response> => {
    const answer = await fetch(typeof to === "string" ? `${base}${to}` : to, init);
    if (!answer.ok)
      throw new Error(`the registry answered ${to} with ${answer.status}: ${await answer.text()}`);
    return answer;
  };
}

async function untilAnswers(url: string): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const answers = await fetch(url).then(
      () => true,
      () => false,
    );
    if (answers) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`the registry at ${url} does not answer`);
}

function describe(bytes: Uint8Array): BlobDescriptor {
  return { digest: `sha256:${createHash("sha256").update(bytes).digest("hex")}`, size: bytes.length };
}
