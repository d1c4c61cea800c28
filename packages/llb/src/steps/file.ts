import type { Constraints } from "../constraints.ts";
import type { FileAction, StagedFiles } from "../file-action.ts";
import { absolutePath, destinationPath } from "../path.ts";
import type { Closed, State } from "../state.ts";
import type { BoundAction, FileVertex, Output } from "../vertex.ts";

/** Adds the states that file actions read to a list of states. */
export function copiedStates(actions: readonly FileAction[], states: State[]): readonly State[] {
  for (const action of actions) {
    if (action.kind === "copy" && isStaged(action.from)) {
      states.push(action.from.state);
      copiedStates(action.from.actions, states);
    } else if (action.kind === "copy") {
      states.push(stateOf(action.from));
    }
  }
  return states;
}

/** Makes the vertex of a chain of file actions on a state. */
export function makeFile(
  base: Closed,
  actions: readonly FileAction[],
  given: {
    readonly closed: (state: State) => Closed;
    readonly constraints: Constraints;
  },
): Output {
  const binder = new Binder(given.closed);
  binder.bind(base, actions);
  const vertex: FileVertex = Object.freeze({
    kind: "file",
    // Copies: lists that have grown keep room to grow further.
    actions: binder.bound.slice(),
    inputs: binder.inputs.slice(),
    constraints: given.constraints,
  });
  return Object.freeze({ vertex, index: 0 });
}

/** Puts actions into one list, those that a copy reads before the copy. */
class Binder {
  readonly bound: BoundAction[] = [];
  readonly inputs: Output[] = [];
  readonly #closed: (state: State) => Closed;
  /** The place of the last action of each group that was met. */
  #staged: Map<StagedFiles, number> | undefined;

  constructor(closed: (state: State) => Closed) {
    this.#closed = closed;
  }

  /** Adds a chain that starts from a state; the place of its last action is the result. */
  bind(base: Closed, actions: readonly FileAction[]): number {
    let previous: number | undefined;
    for (const action of actions) {
      this.#read(base.output);
      const from = action.kind === "copy" ? this.#source(action.from) : undefined;
      const dir = action.kind === "copy" ? this.#closed(stateOf(action.from)).settings.dir : "/";
      this.bound.push({
        action: absolute(action, base.settings.dir, dir),
        base: base.output,
        previous,
        from,
      });
      previous = this.bound.length - 1;
    }
    return this.bound.length - 1;
  }

  #source(from: State | StagedFiles): BoundAction["from"] {
    if (!isStaged(from)) {
      const { output } = this.#closed(from);
      this.#read(output);
      return output;
    }
    this.#staged ??= new Map();
    const action = this.#staged.get(from) ?? this.bind(this.#closed(from.state), from.actions);
    this.#staged.set(from, action);
    return { action };
  }

  #read(output: Output | undefined): void {
    if (output !== undefined && this.inputs.at(-1) !== output) {
      this.inputs.push(output);
    }
  }
}

/** The action with its paths as the op carries them; most are written so already. */
function absolute(action: FileAction, dir: string, sourceDir: string): FileAction {
  switch (action.kind) {
    case "copy": {
      const src = absolutePath(sourceDir, action.src);
      const dest = destinationPath(dir, action.dest);
      return src === action.src && dest === action.dest ? action : { ...action, src, dest };
    }
    case "symlink":
      return action;
    case "mkdir":
    case "mkfile":
    case "rm": {
      const path = absolutePath(dir, action.path);
      return path === action.path ? action : { ...action, path };
    }
  }
}

function stateOf(from: State | StagedFiles): State {
  return isStaged(from) ? from.state : from;
}

function isStaged(from: State | StagedFiles): from is StagedFiles {
  return "kind" in from && from.kind === "staged";
}
