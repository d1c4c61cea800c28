import type { State } from "@buildkit-node/llb";
import type { Expression, Statement } from "./language.ts";
import { Arguments, FunctionValue, Option, StateValue, state, text, type Value, Values } from "./values.ts";

/** What the functions and methods of the language do. */
export interface Library {
  readonly functions: ReadonlyMap<string, (args: Arguments, evaluator: Evaluator) => Value | Promise<Value>>;
  readonly method: (on: Value, name: string, args: Arguments, evaluator: Evaluator) => Value | Promise<Value>;
  readonly property: (on: Value, name: string, evaluator: Evaluator) => Value | Promise<Value>;
}

/** Walks over the tree of a program. */
export class Evaluator {
  readonly #library: Library;
  readonly #names: Map<string, Value>;
  /** Whether states are made as soon as they are written, or only when a program ends. */
  readonly #isEager: boolean;
  #loop: { readonly name: string; readonly value: bigint } | undefined;

  constructor(library: Library, isEager: boolean, names: ReadonlyMap<string, Value> = new Map()) {
    this.#library = library;
    this.#isEager = isEager;
    this.#names = new Map(names);
  }

  /** Carries a program out; the result is what its last statement marshals. */
  async run(program: readonly Statement[]): Promise<StateValue> {
    let result: StateValue | undefined;
    for (const statement of program) {
      switch (statement.kind) {
        case "assign":
          this.#names.set(statement.name, await this.evaluate(statement.value));
          break;
        case "for":
          await this.#repeat(statement);
          break;
        case "marshal":
          result = state(await this.evaluate(statement.value));
          break;
      }
    }
    if (result === undefined) {
      throw new SyntaxError("the program marshals nothing");
    }
    return result;
  }

  /** A new state. Where the program may still change what it rests on, it is made later. */
  async state(make: () => Promise<State>): Promise<StateValue> {
    const value = new StateValue(make);
    if (this.#isEager) {
      await value.force();
    }
    return value;
  }

  /** Calls a function of the program. */
  async call(fn: FunctionValue, args: readonly Value[]): Promise<Value> {
    const inner = new Evaluator(this.#library, this.#isEager, this.#names);
    fn.parameters.forEach((name, at) => {
      inner.#names.set(name, args[at] ?? null);
    });
    return await inner.evaluate(fn.body);
  }

  async evaluate(expression: Expression): Promise<Value> {
    switch (expression.kind) {
      case "literal":
        return expression.value;
      case "string":
        return expression.isRaw ? expression.value : this.#interpolate(expression.value);
      case "list":
        return await this.#each(expression.items);
      case "map": {
        const entries = new Map<string, Value>();
        for (const [key, value] of expression.entries) {
          entries.set(text(await this.evaluate(key)), await this.evaluate(value));
        }
        return new Values(entries);
      }
      case "name":
        return this.#lookUp(expression.name);
      case "function":
        return new FunctionValue(expression.parameters, expression.body);
      case "call":
        return await this.#callByName(expression.name, await this.#arguments(expression.args));
      case "property":
        return await this.#library.property(await this.evaluate(expression.on), expression.name, this);
      case "method": {
        const on = await this.evaluate(expression.on);
        return await this.#library.method(on, expression.name, await this.#arguments(expression.args), this);
      }
    }
  }

  async #callByName(name: string, args: Arguments): Promise<Value> {
    const fn = this.#library.functions.get(name);
    return fn === undefined ? new Option(name, args.positional, args.named) : await fn(args, this);
  }

  async #arguments(args: Parameters<typeof Arguments.evaluate>[0]): Promise<Arguments> {
    return await Arguments.evaluate(args, (expression) => this.evaluate(expression));
  }

  async #each(items: readonly Expression[]): Promise<readonly Value[]> {
    const values: Value[] = [];
    for (const item of items) {
      values.push(await this.evaluate(item));
    }
    return values;
  }

  async #repeat(loop: Extract<Statement, { kind: "for" }>): Promise<void> {
    for (let value = loop.from; value <= loop.to; value++) {
      this.#loop = { name: loop.name, value };
      this.#names.set(loop.name, value);
      for (const statement of loop.body) {
        if (statement.kind !== "assign") {
          throw new SyntaxError("a loop holds assignments only");
        }
        this.#names.set(statement.name, await this.evaluate(statement.value));
      }
    }
    this.#loop = undefined;
  }

  #interpolate(value: string): string {
    return this.#loop === undefined
      ? value
      : value.replaceAll(`%{${this.#loop.name}}`, `${this.#loop.value}`);
  }

  #lookUp(name: string): Value {
    const value = this.#names.get(name);
    if (value === undefined) {
      throw new ReferenceError(`${name} is not defined`);
    }
    return value;
  }
}
