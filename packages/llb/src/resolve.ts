import { formatPlatform } from "@buildkit-node/oci";
import { Deferred, type ResolveContext } from "./deferred.ts";
import type { ImageResolver } from "./image-resolver.ts";
import { type PlatformOption, platformOf } from "./platform-option.ts";
import { contentsOf, State } from "./state.ts";

/** What open ends of a graph are closed with. */
export interface ResolveOptions {
  /** The platform that the graph will be marshalled for. */
  readonly platform: PlatformOption;
  /** Looks up images; needed when an image wants its config or digest. */
  readonly resolver?: ImageResolver;
  readonly signal?: AbortSignal;
}

/**
 * Closes the open ends of a graph: image configs are fetched, async steps carried out, all at the same time as far as
 * they do not depend on each other. The result can be marshalled. What was made once is kept, for this state, platform and
 * resolver; failures are not. A state without open ends is given back as it is.
 *
 * @throws what a resolver or an async step throws, and the reason of the signal
 */
export async function resolve(state: State, options: ResolveOptions): Promise<State> {
  const { resolver, signal } = options;
  const platform = platformOf(options.platform, resolve);
  return await close(state, { platform, resolver, signal });
}

async function close(state: State, context: ResolveContext): Promise<State> {
  const contents = contentsOf(state);
  return contents instanceof Deferred ? await settle(contents, context) : state;
}

/** The value of a deferred one; each that it rests on waits for its own needs alone. */
async function settle<T>(root: Deferred<T>, context: ResolveContext): Promise<T> {
  const values = valuesFor(context);
  const promises = new Map<Deferred<unknown>, Promise<unknown>>();
  for (const deferred of inOrder(root)) {
    promises.set(deferred, valueAfter(deferred, promises, values, context));
  }
  return (await promises.get(root)) as T;
}

async function valueAfter(
  deferred: Deferred<unknown>,
  promises: ReadonlyMap<Deferred<unknown>, Promise<unknown>>,
  values: Values,
  context: ResolveContext,
): Promise<unknown> {
  const known = values.get(deferred);
  if (known !== undefined) {
    return known.value;
  }
  const needs = new Map<Deferred<unknown>, unknown>();
  await Promise.all(
    deferred.needs.map(async (need) => {
      needs.set(need, await promises.get(need));
    }),
  );
  context.signal?.throwIfAborted();
  const made = await deferred.make((need) => needs.get(need) as never, context);
  const value = made instanceof State ? await close(made, context) : made;
  values.set(deferred, { value });
  return value;
}

/** A deferred value and all that it rests on, each after its needs; without recursion, because chains are long. */
function inOrder(root: Deferred<unknown>): Iterable<Deferred<unknown>> {
  const ordered = new Set<Deferred<unknown>>();
  const stack = [{ deferred: root, next: 0 }];
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const need = top.deferred.needs[top.next++];
    if (need === undefined) {
      ordered.add(top.deferred);
      stack.pop();
    } else if (!ordered.has(need)) {
      stack.push({ deferred: need, next: 0 });
    }
  }
  return ordered;
}

type Values = WeakMap<Deferred<unknown>, { readonly value: unknown }>;

const noResolver: object = Object.freeze({});
const memos = new WeakMap<object, Map<string, Values>>();

/** What has been made before with the same resolver for the same platform. */
function valuesFor({ platform, resolver }: ResolveContext): Values {
  const owner = resolver ?? noResolver;
  const byPlatform = memos.get(owner) ?? new Map<string, Values>();
  memos.set(owner, byPlatform);
  const key = formatPlatform(platform);
  const values = byPlatform.get(key) ?? new WeakMap();
  byPlatform.set(key, values);
  return values;
}
