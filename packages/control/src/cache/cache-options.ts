/** A cache to read from. */
export type CacheImport =
  | RegistryCacheImport
  | LocalCacheImport
  | GhaCache
  | S3Cache
  | AzblobCache
  | CacheEntry;

/** A cache to write to. */
export type CacheExport =
  | RegistryCacheExport
  | LocalCacheExport
  | InlineCacheExport
  | (GhaCache & CacheExportOptions)
  | (S3Cache & CacheExportOptions)
  | (AzblobCache & CacheExportOptions)
  | CacheEntry;

/**
 * A cache in the daemon's own words, such as `{ type: "registry", attrs: { ref: "host/name" } }`: for kinds and attributes
 * that this library does not know.
 */
export interface CacheEntry {
  readonly type: string;
  readonly attrs?: Readonly<Record<string, string>>;
}

/** What holds for all caches that are written. */
export interface CacheExportOptions {
  /** What is kept: the layers of the result (`min`, the default), or those of all steps (`max`). */
  readonly mode?: "min" | "max";
  /** Whether a build succeeds though its cache cannot be written. Default: false. */
  readonly ignoreError?: boolean;
}

/** How a cache that is kept as an image is written. */
export interface CacheImageOptions extends CacheExportOptions {
  /** Whether it is a manifest, as registries want it, or an index. Default: true (BuildKit 0.12). */
  readonly imageManifest?: boolean;
  /** Whether it has the media types of OCI in place of Docker's. Default: true. */
  readonly ociMediaTypes?: boolean;
  /** How layers are compressed. Default: `gzip`. */
  readonly compression?: "uncompressed" | "gzip" | "estargz" | "zstd";
  /** 0 to 9 for gzip and estargz, 0 to 22 for zstd. */
  readonly compressionLevel?: number;
  /** Compresses layers anew that have another compression. Default: false. */
  readonly forceCompression?: boolean;
}

/** A cache in a registry. */
export interface RegistryCacheImport {
  readonly type: "registry";
  /** The image's name; also that of an image with an inline cache. */
  readonly ref: string;
  /** Whether the registry may be spoken to over HTTP, and over TLS with any certificate. Default: false. */
  readonly insecure?: boolean;
}

export interface RegistryCacheExport extends RegistryCacheImport, CacheImageOptions {}

/** A cache in a directory of this machine, which is an OCI layout. */
export interface LocalCacheImport {
  readonly type: "local";
  /** The directory. */
  readonly src: string;
  /** Under what the cache was written. Default: `latest`. */
  readonly tag?: string;
  /** The cache's digest, in place of a tag. */
  readonly digest?: string;
  /** Fails where the directory has no such cache, which is passed over otherwise. Default: false. */
  readonly required?: boolean;
}

export interface LocalCacheExport extends CacheImageOptions {
  readonly type: "local";
  /** The directory; made if there is none. What it has already is not sent again. */
  readonly dest: string;
  /** Under what the cache is found again, in place of what was there. Default: `latest`. */
  readonly tag?: string | readonly string[];
  /** Removes what no tag leads to any more, when the build has succeeded. Default: false. */
  readonly reset?: boolean;
}

/** A cache within the image that is exported, found by importing that image from its registry. It keeps `min`. */
export interface InlineCacheExport {
  readonly type: "inline";
}

/** GitHub's cache for workflows; see {@link ghaCacheVariables} (capability `cache.gha`). */
export interface GhaCache {
  readonly type: "gha";
  readonly token: string;
  /** Address of the first version of the service. */
  readonly url?: string;
  /** Address of the second version of the service (BuildKit 0.20). */
  readonly urlV2?: string;
  readonly version?: "1" | "2";
  /** What tells caches apart. Default: `buildkit`. */
  readonly scope?: string;
  /** How long an import or export may take, such as `10m`. */
  readonly timeout?: string;
  /** `owner/name`, with `ghToken` to ask GitHub about it. */
  readonly repository?: string;
  readonly ghToken?: string;
}

/** A cache in a bucket; see {@link s3CacheVariables} (capability `cache.s3`). */
export interface S3Cache {
  readonly type: "s3";
  /** Default: `AWS_BUCKET` of the daemon. */
  readonly bucket?: string;
  /** Default: `AWS_REGION` of the daemon. */
  readonly region?: string;
  /** Names of the manifest; an import takes the first. Default: `buildkit`. */
  readonly name?: string | readonly string[];
  /** Before the names of all objects. */
  readonly prefix?: string;
  readonly manifestsPrefix?: string;
  readonly blobsPrefix?: string;
  readonly endpointUrl?: string;
  readonly usePathStyle?: boolean;
  /** Default: whatever the daemon finds in its own surroundings. */
  readonly accessKeyId?: string;
  readonly secretAccessKey?: string;
  readonly sessionToken?: string;
  /** How old an object may be before it is touched, such as `24h`. */
  readonly touchRefresh?: string;
  readonly uploadParallelism?: number;
  readonly disableAcceptEncoding?: boolean;
  /** BuildKit 0.30. */
  readonly retryMode?: "standard" | "adaptive";
  /** BuildKit 0.30. */
  readonly retryMaxAttempts?: number;
}

/** A cache in Azure's blob storage (capability `cache.azblob`). */
export interface AzblobCache {
  readonly type: "azblob";
  /** Default: `BUILDKIT_AZURE_STORAGE_ACCOUNT_URL` of the daemon. */
  readonly accountUrl?: string;
  readonly accountName?: string;
  readonly secretAccessKey?: string;
  readonly container?: string;
  /** Names of the manifest; an import takes the first. Default: `buildkit`. */
  readonly name?: string | readonly string[];
  readonly prefix?: string;
  readonly manifestsPrefix?: string;
  readonly blobsPrefix?: string;
}
