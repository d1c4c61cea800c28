import { InvalidArgumentError, UnsupportedError } from "@buildkit-node/core";
import type { ContentStore, ExportSinks, SessionExporters } from "@buildkit-node/session";
import type { Metadata } from "@buildkit-node/transport";

/** Where the results of one build go. */
export interface BuildResults {
  readonly sinks: ExportSinks;
  /** By the ids that the daemon asks for. */
  readonly stores: ReadonlyMap<string, ContentStore>;
  /** Who chooses exporters when the result is known. */
  readonly chooser?: SessionExporters | undefined;
}

/** The store of a build's images that are not sent as archives; every build calls its own so. */
export const exportStoreId = "export";

/** The entry of W3C baggage that a build's request has, and with it every call that the daemon makes for the build. */
const baggageKey = "buildkit-node.build";

/** The baggage of a build's request. */
export function buildBaggage(ref: string): string {
  return `${baggageKey}=${encodeURIComponent(ref)}`;
}

/**
 * Who takes what a daemon sends home through a session, for each build that uses it. The daemon numbers the exporters of each
 * build from 0 and names no build; but since BuildKit 0.11 it repeats the baggage of a request in the calls that it makes for it.
 */
export class ResultRoutes {
  readonly #builds = new Map<string, BuildResults>();

  /** @throws {InvalidArgumentError} for a reference that a build of the session has */
  add(ref: string, results: BuildResults): void {
    if (this.#builds.has(ref)) {
      throw new InvalidArgumentError("ref", ref, `a build with the reference ${ref} runs in this session`);
    }
    this.#builds.set(ref, results);
  }

  delete(ref: string): void {
    this.#builds.delete(ref);
  }

  /** The sinks of the build that a call is for. */
  sinks(metadata: Metadata): ExportSinks {
    const named = this.#named(metadata);
    return named === undefined
      ? (onlyOne([...this.#builds.values()].map(({ sinks }) => sinks).filter(({ size }) => size > 0)) ??
          new Map())
      : named.sinks;
  }

  /** The store that a call is for. */
  store(id: string, metadata: Metadata): ContentStore | undefined {
    const named = this.#named(metadata)?.stores.get(id);
    if (named !== undefined) return named;
    const found = [...this.#builds.values()].flatMap(({ stores }) => stores.get(id) ?? []);
    // All others are named after what they hold.
    return id === exportStoreId ? onlyOne(found) : found[0];
  }

  /** Who chooses exporters for the build that a call is for. */
  chooser(metadata: Metadata): SessionExporters {
    const named = this.#named(metadata);
    if (named !== undefined) return named.chooser ?? nobody;
    const choosers = [...this.#builds.values()].map(({ chooser }) => chooser);
    return onlyOne(choosers.filter((chooser) => chooser !== undefined)) ?? nobody;
  }

  #named(metadata: Metadata): BuildResults | undefined {
    const entries = metadata.getAll("baggage").flatMap((line) => line.split(","));
    for (const entry of entries) {
      const [key = "", value = ""] = (entry.split(";")[0] ?? "").split("=", 2);
      if (key.trim() === baggageKey) return this.#builds.get(decodeURIComponent(value.trim()));
    }
    return undefined;
  }
}

const nobody: SessionExporters = { find: async () => [] };

function onlyOne<T>(found: readonly T[]): T | undefined {
  if (found.length < 2) return found[0];
  throw new UnsupportedError(
    "baggage",
    "the daemon does not say which of the session's builds a result belongs to: that needs BuildKit 0.11; " +
      "run builds whose results come home one after the other, or without sharing a session",
  );
}
