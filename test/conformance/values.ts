import type {
  Definition,
  FileAction,
  LocationRange,
  Passthrough,
  SourceMap,
  StagedFiles,
  State,
} from "@buildkit-node/llb";
import type { Platform } from "@buildkit-node/oci";
import type { Argument, Expression } from "./language.ts";

/** Anything that an expression of the language can be. */
export type Value =
  | string
  | bigint
  | boolean
  | null
  | Uint8Array
  | readonly Value[]
  | Values
  | StateValue
  | ExecValue
  | Option
  | Actions
  | Group
  | FunctionValue
  | Owner
  | Time
  | Range
  | SourceMapValue
  | DefinitionValue
  | PlatformValue
  | PassthroughValue
  | PassthroughInputValue;

/** The program asks for something that our API has no words for, because it is wrong. */
export class NotOfferedError extends Error {}

/** A map. */
export class Values {
  readonly entries: ReadonlyMap<string, Value>;
  constructor(entries: ReadonlyMap<string, Value>) {
    this.entries = entries;
  }
}

/**
 * A state, made when it is asked for. A program may add a mount to a command after it has used the command's result, so
 * what a command gives may not be made before the whole program has been read.
 */
export class StateValue {
  readonly #make: () => Promise<State>;
  #made: Promise<State> | undefined;
  /** Options kept for `marshal`; they stay with this value alone. */
  readonly defaults: readonly Option[];

  constructor(make: () => Promise<State>, defaults: readonly Option[] = []) {
    this.#make = make;
    this.defaults = defaults;
  }

  force(): Promise<State> {
    this.#made ??= this.#make();
    return this.#made;
  }
}

/** A command with its mounts, to which more may be added. */
export class ExecValue {
  readonly base: StateValue;
  readonly options: readonly Option[];
  readonly mounts: Option[];

  constructor(base: StateValue, options: readonly Option[]) {
    this.base = base;
    this.options = options;
    this.mounts = options.filter(({ name }) => name === "mount" || name === "secret" || name === "ssh");
  }
}

/** A call that is no function: an option of something. */
export class Option {
  readonly name: string;
  readonly args: readonly Value[];
  readonly named: ReadonlyMap<string, Value>;
  constructor(name: string, args: readonly Value[], named: ReadonlyMap<string, Value>) {
    this.name = name;
    this.args = args;
    this.named = named;
  }
}

/** A chain of file actions. */
export class Actions {
  readonly list: readonly (() => Promise<FileAction>)[];
  constructor(list: readonly (() => Promise<FileAction>)[]) {
    this.list = list;
  }
}

/** A chain of file actions on a state, carried out once however often it is used. */
export class Group {
  readonly #make: () => Promise<StagedFiles>;
  #made: Promise<StagedFiles> | undefined;
  constructor(make: () => Promise<StagedFiles>) {
    this.#make = make;
  }
  force(): Promise<StagedFiles> {
    this.#made ??= this.#make();
    return this.#made;
  }
}

export class FunctionValue {
  readonly parameters: readonly string[];
  readonly body: Expression;
  constructor(parameters: readonly string[], body: Expression) {
    this.parameters = parameters;
    this.body = body;
  }
}

export class Owner {
  readonly option: string | { readonly user?: string | number; readonly group?: string | number };
  constructor(option: Owner["option"]) {
    this.option = option;
  }
}

export class Time {
  readonly nanoseconds: bigint;
  constructor(nanoseconds: bigint) {
    this.nanoseconds = nanoseconds;
  }
}

export class Range {
  readonly range: LocationRange;
  constructor(range: LocationRange) {
    this.range = range;
  }
}

export class SourceMapValue {
  readonly force: () => Promise<SourceMap>;
  constructor(make: () => Promise<SourceMap>) {
    let made: Promise<SourceMap> | undefined;
    this.force = () => {
      made ??= make();
      return made;
    };
  }
}

export class DefinitionValue {
  readonly definition: Definition;
  /** Whether its map of metadata is there, if only an empty one. */
  readonly hasMetadata: boolean;
  constructor(definition: Definition, hasMetadata: boolean) {
    this.definition = definition;
    this.hasMetadata = hasMetadata;
  }
}

export class PlatformValue {
  readonly platform: Platform;
  constructor(platform: Platform) {
    this.platform = platform;
  }
}

export class PassthroughValue {
  readonly force: () => Promise<Passthrough>;
  constructor(make: () => Promise<Passthrough>) {
    let made: Promise<Passthrough> | undefined;
    this.force = () => {
      made ??= make();
      return made;
    };
  }
}

export class PassthroughInputValue {
  readonly state: StateValue;
  readonly output: boolean;
  constructor(state: StateValue, output: boolean) {
    this.state = state;
    this.output = output;
  }
}

/** The arguments of a call, evaluated. */
export class Arguments {
  readonly positional: readonly Value[];
  readonly named: ReadonlyMap<string, Value>;

  constructor(positional: readonly Value[], named: ReadonlyMap<string, Value>) {
    this.positional = positional;
    this.named = named;
  }

  static async evaluate(
    args: readonly Argument[],
    value: (e: Expression) => Promise<Value>,
  ): Promise<Arguments> {
    const positional: Value[] = [];
    const named = new Map<string, Value>();
    for (const { name, value: expression } of args) {
      const evaluated = await value(expression);
      if (name === undefined) {
        positional.push(evaluated);
      } else {
        named.set(name, evaluated);
      }
    }
    return new Arguments(positional, named);
  }

  /** The options among the arguments without a name. */
  get options(): readonly Option[] {
    return this.positional.filter((value): value is Option => value instanceof Option);
  }

  /** An argument by its place, or by its name. */
  get(key: number | string): Value | undefined {
    return typeof key === "number" ? this.positional[key] : this.named.get(key);
  }
}

export function text(value: Value | undefined): string {
  if (typeof value !== "string") {
    throw new TypeError(`expected a text, not ${describe(value)}`);
  }
  return value;
}

export function int(value: Value | undefined): bigint {
  if (typeof value !== "bigint") {
    throw new TypeError(`expected an integer, not ${describe(value)}`);
  }
  return value;
}

/** An integer that fits a number exactly. */
export function number(value: Value | undefined): number {
  const result = Number(int(value));
  if (!Number.isSafeInteger(result)) {
    throw new TypeError(`${result} is too large`);
  }
  return result;
}

/** An integer cut to 32 bits without a sign, as Go converts it. */
export function uint32(value: Value | undefined): number {
  return Number(BigInt.asUintN(32, int(value)));
}

export function flag(value: Value | undefined): boolean {
  return value === true;
}

export function texts(value: Value | undefined): readonly string[] {
  return list(value).map(text);
}

export function list(value: Value | undefined): readonly Value[] {
  if (!Array.isArray(value)) {
    throw new TypeError(`expected a list, not ${describe(value)}`);
  }
  return value as readonly Value[];
}

export function state(value: Value | undefined): StateValue {
  if (!(value instanceof StateValue)) {
    throw new TypeError(`expected a state, not ${describe(value)}`);
  }
  return value;
}

/** An optional argument, converted if it is there. */
export function optional<T>(value: Value | undefined, convert: (value: Value) => T): T | undefined {
  return value === undefined || value === null ? undefined : convert(value);
}

export function textMap(value: Value | undefined): ReadonlyMap<string, string> {
  if (!(value instanceof Values)) {
    throw new TypeError(`expected a map, not ${describe(value)}`);
  }
  return new Map([...value.entries].map(([key, item]) => [key, text(item)]));
}

export function describe(value: Value | undefined): string {
  return value === undefined || value === null
    ? "nothing"
    : typeof value === "object"
      ? value.constructor.name
      : String(value);
}
