import path from "node:path";
import { BuildkitError, InvalidArgumentError } from "@buildkit-node/core";
import {
  type Descriptor,
  formatReference,
  type LayoutName,
  parseReference,
  putInIndex,
  withDefaultTag,
} from "@buildkit-node/oci";
import { copyContent, ociLayoutStore, readLayoutIndex, updateLayoutIndex } from "@buildkit-node/session";
import type { ArchiveResult, LayoutOptions } from "./archive.ts";
import { checkDirectoryDestination } from "./destination.ts";
import type { ExportAnswer, ExportContext, PreparedExport } from "./exporter.ts";
import { imageFacts } from "./image-facts.ts";
import { chosenNames, imageAttributes } from "./image-options.ts";

/** An exporter of an image's blobs into a directory. What a build that fails has sent stays there, and leads nowhere. */
export async function prepareLayout(
  type: string,
  options: LayoutOptions,
  context: ExportContext,
): Promise<PreparedExport<ArchiveResult>> {
  const attrs = await imageAttributes(options, context);
  const tags = options.tags ?? [];
  checkTags(tags);
  await checkDirectoryDestination(options.dest);
  const dest = path.resolve(options.dest);
  // One that cannot be read now will not be written then.
  await readLayoutIndex(dest);
  const store = ociLayoutStore(dest);
  const names = chosenNames(options).map(wholeName);
  const signal = context.signal && { signal: context.signal };
  return {
    request: { type, attrs: { ...attrs, tar: "false" } },
    layout: { dir: dest, store },
    answers: true,
    async finish(answer) {
      const facts = await imageFacts({ answer: readingFrom(answer, answer.staged ?? store), names });
      const { descriptor } = facts;
      if (descriptor === undefined) {
        const why = facts.unknown ?? "the daemon did not say which image it made";
        throw new BuildkitError("ERR_BUILDKIT_DESTINATION", `cannot tell the image of ${dest}: ${why}`);
      }
      if (answer.staged !== undefined) await copyContent(answer.staged, store, descriptor, { ...signal });
      const filed = layoutNames(facts.names, tags);
      await updateLayoutIndex(dest, (index) => putInIndex(index, withoutInternals(descriptor), filed), {
        ...signal,
      });
      return { dest, ...facts };
    },
    discard: async () => {},
  };
}

/** The answer with the documents read from where the daemon has just put them. */
function readingFrom(answer: ExportAnswer, store: NonNullable<ExportAnswer["staged"]>): ExportAnswer {
  const read: ExportAnswer["read"] = async ({ digest }) => {
    const pieces: Uint8Array[] = [];
    for await (const piece of store.read(digest)) pieces.push(piece);
    return Buffer.concat(pieces);
  };
  return { ...answer, read };
}

function layoutNames(names: readonly string[], tags: readonly string[]): readonly LayoutName[] {
  const filed: LayoutName[] = [...names.map((name) => ({ name })), ...tags.map((tag) => ({ tag }))];
  return filed.length > 0 ? filed : [{ tag: "latest" }];
}

/** Names as the daemon makes them whole. */
function wholeName(name: string): string {
  return formatReference(withDefaultTag(parseReference(name)));
}

function withoutInternals(descriptor: Descriptor): Descriptor {
  const { "config.digest": _, ...annotations } = descriptor.annotations ?? {};
  return { ...descriptor, annotations };
}

function checkTags(tags: readonly string[]): void {
  const wrong = tags.find((tag) => !/^\w[\w.-]{0,127}$/.test(tag));
  if (wrong === undefined) return;
  const message = `${JSON.stringify(wrong)} is not a tag: a tag has up to 128 letters, digits, and _ . -`;
  throw new InvalidArgumentError("tags", wrong, message);
}
