import { fresh, type State } from "./state.ts";

/** An empty filesystem. */
export function scratch(): State {
  return fresh(undefined);
}
