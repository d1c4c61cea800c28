import type { BoundAction, Output, Vertex } from "../vertex.ts";

/** What takes the vertices of a visit. */
type Visits = Pick<Vertex[], "push">;

/** Adds the vertices that a walk over the graph visits below one of them to a list, in order. */
export function pushVisits(vertex: Vertex, list: Visits): void {
  switch (vertex.kind) {
    case "source":
      break;
    case "exec":
      for (const { source } of vertex.mounts) {
        push(source, list);
      }
      break;
    case "file":
      pushActionVisits(vertex.actions, vertex.actions.length - 1, list);
      break;
    case "diff":
      push(vertex.lower, list);
      push(vertex.upper, list);
      break;
    case "build":
      push(vertex.input, list);
      break;
    case "merge":
    case "passthrough":
    case "imported":
      for (const input of vertex.inputs) {
        push(input, list);
      }
  }
}

/** File actions are visited from the last of a chain to the first, as Go does. */
function pushActionVisits(actions: readonly BoundAction[], last: number, list: Visits): void {
  for (let action = actions[last]; action !== undefined; action = actions[action.previous ?? -1]) {
    push(action.base, list);
    if (action.from !== undefined && "action" in action.from) {
      pushActionVisits(actions, action.from.action, list);
    } else {
      push(action.from, list);
    }
  }
}

function push(output: Output | undefined, list: Visits): void {
  if (output !== undefined) {
    list.push(output.vertex);
  }
}
