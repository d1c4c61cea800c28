import type { Definition } from "@buildkit-node/llb";

const localScheme = "local://";

/** The names of the local sources that a definition reads from the session of its build. */
export function localNames(definition: Definition): readonly string[] {
  return definition.sources
    .filter((identifier) => identifier.startsWith(localScheme))
    .map((identifier) => identifier.slice(localScheme.length));
}

/** Whether a definition has the daemon fetch something, such as an image or a git repository. */
export function readsRemote(definition: Definition): boolean {
  return definition.sources.some((identifier) => !identifier.startsWith(localScheme));
}
