import type { Graph } from "@buildkit-node/gateway";
import type { Image } from "@buildkit-node/oci";

/** Files by path, without a leading slash. */
export type RecordedFiles = Readonly<Record<string, string | Uint8Array>>;

/** An image that a test lets exist. */
export interface RecordedImage {
  readonly config?: Image;
  /** Default: made of the image's name. */
  readonly digest?: string;
}

/** What a frontend finds when a test runs it. */
export interface RecordedWorld {
  /** Options as they reach a frontend, such as `target` or `build-arg:VERSION`. */
  readonly options?: Readonly<Record<string, string>>;
  /** The files of the caller's directories: `context`, and `dockerfile` for the input file. */
  readonly locals?: Readonly<Record<string, RecordedFiles>>;
  /** Images by name, as the frontend asks for them in full: `docker.io/library/alpine:latest`. */
  readonly images?: Readonly<Record<string, RecordedImage>>;
  /** Named LLB inputs. */
  readonly inputs?: Readonly<Record<string, Graph>>;
  /** The daemon's own platform. Default: `linux/amd64`. */
  readonly platform?: string;
  /** Capabilities that the daemon lacks, of those of BuildKit 0.32. */
  readonly without?: readonly string[];
}
