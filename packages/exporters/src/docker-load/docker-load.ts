import { InvalidArgumentError } from "@buildkit-node/core";
import { formatReference, parseReference } from "@buildkit-node/oci";
import { streamSink } from "@buildkit-node/session";
import {
  CallError,
  createEngineDialer,
  type Dialer,
  type Metadata,
  parseAddress,
  StatusCode,
  type TlsOptions,
} from "@buildkit-node/transport";
import { refuseSeveralPlatforms, severalPlatforms } from "../archive.ts";
import type { ExportContext, Exporter, PreparedExport } from "../exporter.ts";
import { type ImageFacts, imageFacts } from "../image-facts.ts";
import { type ImageOptions, imageAttributes } from "../image-options.ts";
import { findImage, keepsIndexes, tagImage } from "./find-image.ts";
import { type LoadProgress, loadImage } from "./load-image.ts";

export interface DockerLoadOptions extends Omit<ImageOptions, "name"> {
  /** The image's names in the engine, such as `app:dev`. */
  readonly tags: string | readonly string[];
  /**
   * Where the engine is: `unix:///path`, `tcp://host:port`, `ssh://user@host`, `npipe:////./pipe/name`, each also after
   * `docker://`; or a dialer of the caller's own whose pipes speak HTTP/1.1. Default: the engine that the `docker` command
   * would use, by Docker's configuration.
   */
  readonly engine?: string | Dialer;
  /** Speak TLS on the engine's TCP port. */
  readonly tls?: TlsOptions;
  /** Told what the engine says while it loads. */
  readonly onProgress?: (progress: LoadProgress) => void;
}

export interface DockerLoadResult extends ImageFacts {
  readonly type: "docker-load";
  /** The engine's address. */
  readonly engine: string;
  /**
   * How the image came into the engine: its archive was `sent`; the engine had it, was told the names, and it was not sent
   * (`present`); or the engine built it itself (`stored`).
   */
  readonly how: "sent" | "present" | "stored";
  /** Bytes of the archive that was sent. */
  readonly sentBytes: number;
}

/**
 * Brings the result into a Docker Engine, while the daemon still sends it. An engine with containerd's image store takes also
 * several platforms, which makes the build's archive one of `oci` and else of `docker`. Where the daemon is that engine, by its address,
 * it puts the image into its own store; where the engine has the image already, it is not sent.
 *
 * A build with it fails with an {@link EngineError} when the engine does not take the image.
 *
 * @throws {InvalidArgumentError} for no tag, and for one that is none
 * @throws {AddressError} for an address that is no engine's
 */
export function dockerLoad(options: DockerLoadOptions): Exporter<DockerLoadResult> {
  const names = tagsOf(options.tags);
  const dial = engineDialer(options);
  return {
    name: "docker-load",
    async prepare(context) {
      const engine = await dial();
      const builds = engine.address === context.daemon;
      const attrs = await imageAttributes({ ...options, name: names }, context);
      // How an engine keeps images matters to what it is sent, and to whether it keeps several platforms.
      if (builds && (await severalPlatforms(context)).length === 0) return storing(engine, attrs, names);
      const indexes = await keepsIndexes(engine, context.signal);
      if (!indexes) {
        const why = `the Docker Engine at ${engine.address} keeps images of one platform`;
        await refuseSeveralPlatforms(context, why, "turn on its containerd image store, or use oci");
      }
      if (builds) return storing(engine, attrs, names);
      // Engines take indexes in the OCI layout; those that keep no indexes take one image in Docker's.
      const type = indexes ? "oci" : "docker";
      return sending({ engine, type, attrs, names, context, onProgress: options.onProgress });
    },
  };
}

/** The daemon is the engine itself. */
function storing(
  engine: Dialer,
  attrs: Readonly<Record<string, string>>,
  names: readonly string[],
): PreparedExport<DockerLoadResult> {
  return {
    request: { type: "moby", attrs },
    answers: true,
    finish: async (answer) => ({
      type: "docker-load",
      engine: engine.address,
      how: "stored",
      sentBytes: 0,
      ...(await imageFacts({ answer, names })),
    }),
    discard: async () => {},
  };
}

interface Sending {
  readonly engine: Dialer;
  readonly type: "docker" | "oci";
  readonly attrs: Readonly<Record<string, string>>;
  readonly names: readonly string[];
  readonly context: ExportContext;
  readonly onProgress: ((progress: LoadProgress) => void) | undefined;
}

function sending({
  engine,
  type,
  attrs,
  names,
  context,
  onProgress,
}: Sending): PreparedExport<DockerLoadResult> {
  const signal = context.signal && { signal: context.signal };
  let headers: Metadata | undefined;
  let how: DockerLoadResult["how"] = "sent";
  const sink = streamSink({
    dest: (bytes) => loadImage(engine, bytes, { ...(onProgress && { onProgress }), ...signal }),
    onMetadata: async (metadata) => {
      headers = metadata;
      const present = await findImage(engine, digestsOf(metadata), context.signal);
      if (present === undefined) return;
      for (const name of names) await tagImage(engine, present, name, context.signal);
      how = "present";
      // The daemon takes this for success.
      throw new CallError(StatusCode.alreadyExists, "the engine has the image");
    },
  });
  return {
    request: { type, attrs },
    sink,
    answers: true,
    finish: async (answer) => ({
      type: "docker-load",
      engine: engine.address,
      how,
      sentBytes: sink.receivedBytes,
      ...(await imageFacts({ answer, ...(headers && { headers }), names })),
    }),
    discard: () => sink.discard(),
  };
}

function digestsOf(metadata: Metadata): readonly string[] {
  return ["containerimage.digest", "containerimage.config.digest"].flatMap(
    (key) => metadata.get(`exporter-md-${key}`) ?? [],
  );
}

function engineDialer({ engine = "docker://", tls }: DockerLoadOptions): () => Promise<Dialer> {
  if (typeof engine !== "string") return async () => engine;
  const address = parseAddress(engine.startsWith("docker://") ? engine : `docker://${engine}`);
  if (address.kind !== "docker-engine") {
    throw new InvalidArgumentError("engine", engine, `${engine} is not the address of a Docker Engine`);
  }
  return () => createEngineDialer(address, tls === undefined ? {} : { tls });
}

function tagsOf(tags: string | readonly string[]): readonly string[] {
  const names = typeof tags === "string" ? [tags] : tags;
  if (names.length === 0) throw new InvalidArgumentError("tags", tags, "an image without a tag is lost");
  for (const name of names) {
    const reference = parseReference(name);
    if (reference.digest === undefined) continue;
    const { domain, path } = reference;
    const message = `${name} is not a tag: name it ${formatReference({ domain, path, tag: "latest" })}`;
    throw new InvalidArgumentError("tags", name, message);
  }
  return names;
}
