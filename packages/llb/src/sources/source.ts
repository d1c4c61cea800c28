import { type Constraints, constraintsOf, type StepOptions } from "../constraints.ts";
import { LlbError } from "../error.ts";
import type { Place } from "../place.ts";
import { fresh, type State } from "../state.ts";
import { checkText, checkTexts } from "../text.ts";
import type { Output, SourceVertex } from "../vertex.ts";

/**
 * A source by its identifier and attributes, as they go over the wire: for schemes and attributes that have no function of
 * their own. A `local://` source without a session id is given its `local.unique` when it is marshalled.
 *
 * @throws LlbError with reason `source` for an empty identifier
 */
export function source(
  identifier: string,
  options: StepOptions & {
    readonly attrs?: Readonly<Record<string, string>>;
    /** The capabilities that the daemon must have. Default: none. */
    readonly caps?: readonly string[];
  } = {},
): State {
  const { attrs = {}, caps = [] } = options;
  const place = source;
  return fresh(
    sourceOutput(
      { identifier, attrs: new Map(Object.entries(attrs)), caps },
      constraintsOf(options, place),
      place,
    ),
  );
}

/** The parts of a source op. */
export interface SourceParts {
  readonly identifier: string;
  readonly attrs: ReadonlyMap<string, string>;
  readonly caps: readonly string[];
}

/** The output of a new source vertex. */
export function sourceOutput(parts: SourceParts, constraints: Constraints, place: Place): Output {
  checkText(parts.identifier, place);
  for (const attr of parts.attrs) {
    checkTexts(attr, place);
  }
  if (parts.identifier === "") {
    throw new LlbError("a source needs an identifier: it is empty", {
      reason: "source",
      value: parts.identifier,
      place,
    });
  }
  const vertex: SourceVertex = Object.freeze({ kind: "source", ...parts, constraints });
  const { platform } = constraints;
  return Object.freeze({ vertex, index: 0, ...(platform !== undefined && { platform }) });
}

/** Collects the attributes and capabilities of a source. */
export class SourceDraft {
  readonly attrs: Map<string, string> = new Map();
  readonly caps: string[];

  constructor(cap: string) {
    this.caps = [cap];
  }

  /** Sets an attribute that was given, and asks for its capability if it has one. */
  set(name: string, value: string | undefined, cap?: string): void {
    if (value === undefined) {
      return;
    }
    this.attrs.set(name, value);
    this.need(cap);
  }

  /** Like {@link set}, but an empty value counts as none. */
  setFilled(name: string, value: string | undefined, cap?: string): void {
    this.set(name, value === "" ? undefined : value, cap);
  }

  /** Sets a switch that is on. */
  flag(name: string, on: boolean | undefined, cap?: string): void {
    this.set(name, on === true ? "true" : undefined, cap);
  }

  need(cap: string | undefined): void {
    if (cap !== undefined) {
      this.caps.push(cap);
    }
  }
}
