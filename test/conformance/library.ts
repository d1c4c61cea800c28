import * as llb from "@buildkit-node/llb";
import { parsePlatform } from "@buildkit-node/oci";
import { actionFunctions, actionMethod, actionsOf } from "./actions.ts";
import { stepOptions } from "./constraints.ts";
import type { Evaluator, Library } from "./evaluator.ts";
import { addMount, mountOf, rootOf } from "./exec.ts";
import { host, marshalValue } from "./marshal.ts";
import { sources } from "./sources.ts";
import { changeOf, isChange, statePlatform } from "./state-changes.ts";
import {
  Actions,
  type Arguments,
  DefinitionValue,
  describe,
  ExecValue,
  FunctionValue,
  flag,
  int,
  list,
  number,
  Option,
  Owner,
  optional,
  PassthroughInputValue,
  PassthroughValue,
  PlatformValue,
  Range,
  SourceMapValue,
  StateValue,
  state,
  Time,
  text,
  texts,
  uint32,
  type Value,
  Values,
} from "./values.ts";

type LibraryFunction = (args: Arguments, evaluator: Evaluator) => Value | Promise<Value>;

const functions = new Map<string, LibraryFunction>([
  ...sources,
  ...actionFunctions,
  [
    "merge",
    async (args, evaluator) => {
      const step = await stepOptions(args.options);
      const inputs = list(args.get(0)).map(state);
      return await evaluator.state(async () => llb.merge(await forced(inputs), step));
    },
  ],
  [
    "diff",
    async (args, evaluator) => {
      const step = await stepOptions(args.options);
      const [lower, upper] = [state(args.get("lower")), state(args.get("upper"))];
      return await evaluator.state(async () => llb.diff(await lower.force(), await upper.force(), step));
    },
  ],
  [
    "passthrough",
    async (args) => {
      const step = await stepOptions(args.options);
      return new PassthroughValue(async () => {
        const inputs = [];
        for (const input of list(args.get("inputs"))) {
          if (input instanceof PassthroughInputValue) {
            inputs.push({ state: await input.state.force(), output: input.output });
          }
        }
        return llb.passthrough(text(args.get("id")), inputs, step);
      });
    },
  ],
  ["input", (args) => new PassthroughInputValue(state(args.get(0)), flag(args.get("output")))],
  ["sourceMap", (args) => new SourceMapValue(() => makeSourceMap(args))],
  ["range", makeRange],
  [
    "definition",
    async (args) => {
      const definition = await marshalValue(state(args.get(0)), args.options);
      return new DefinitionValue(llb.Definition.fromBytes(definition.toBytes()), !definition.isEmpty);
    },
  ],
  [
    "definitionOps",
    (args) => {
      const ops = list(args.get(0)).filter((op): op is Uint8Array => op instanceof Uint8Array);
      return new DefinitionValue(llb.Definition.fromWire({ def: ops, metadata: new Map() }), true);
    },
  ],
  ["fromDefinition", fromDefinition],
  ["parsePlatform", (args) => new PlatformValue(parsePlatform(text(args.get(0)), { host }))],
  ["ownerSpec", (args) => new Owner(text(args.get(0)))],
  ["ownerIDs", (args) => new Owner({ user: uint32(args.get("uid")), group: uint32(args.get("gid")) })],
  ["owner", makeOwner],
  ["time", (args) => new Time(int(args.get("seconds")) * 1_000_000_000n + int(args.get("nanos")))],
  ["hex", (args) => Uint8Array.from(Buffer.from(text(args.get(0)), "hex"))],
  ["text", (args) => new TextEncoder().encode(text(args.get(0)))],
  ["repeat", (args) => text(args.get(0)).repeat(number(args.get(1)))],
  ["concat", (args) => texts(args.positional).join("")],
  ["append", (args) => [...list(args.get(0)), args.get(1) ?? null]],
  [
    "fail",
    (args) => {
      throw new Error(text(args.get(0)));
    },
  ],
]);

/** The functions and methods of the language, carried out on the public API. */
export const library: Library = { functions, method, property };

async function method(on: Value, name: string, args: Arguments, evaluator: Evaluator): Promise<Value> {
  if (on instanceof Actions) {
    return await actionMethod(on, name, args);
  }
  if (on instanceof PassthroughValue && name === "output") {
    return await evaluator.state(async () => (await on.force()).output(number(args.get(0))));
  }
  if (on instanceof ExecValue && name === "getMount") {
    return await mountOf(on, text(args.get(0)));
  }
  if (on instanceof ExecValue && name === "addMount") {
    return await addMount(on, args);
  }
  if (on instanceof StateValue) {
    return await stateMethod(on, name, args, evaluator);
  }
  throw new TypeError(`${describe(on)} has no method ${name}`);
}

async function stateMethod(
  on: StateValue,
  name: string,
  args: Arguments,
  evaluator: Evaluator,
): Promise<Value> {
  const option = new Option(name, args.positional, args.named);
  if (isChange(option)) {
    return await evaluator.state(async () => (await changeOf(option))(await on.force()));
  }
  switch (name) {
    case "platform":
      return await evaluator.state(async () => statePlatform(option)(await on.force()));
    case "imageConfig": {
      const config = text(args.get(0));
      // The reference reads it at once, whether or not the state is used.
      llb.scratch().imageConfig(config);
      return await evaluator.state(async () => (await on.force()).imageConfig(config));
    }
    case "run":
      return new ExecValue(on, args.options);
    case "file": {
      const step = await stepOptions(args.options);
      return await evaluator.state(async () => (await on.force()).file(await actionsOf(args.get(0)), step));
    }
    case "requires": {
      const after = list(args.get("after")).map(state);
      return await evaluator.state(async () =>
        (await on.force()).requires({ id: text(args.get("id")), after: await forced(after) }),
      );
    }
    case "async":
      return await evaluator.state(async () => asyncState(await on.force(), args.get(0), evaluator));
    case "marshalDefaults":
      return new StateValue(() => on.force(), args.options);
    default:
      throw new TypeError(`a state has no method ${name}`);
  }
}

function asyncState(from: llb.State, fn: Value | undefined, evaluator: Evaluator): llb.State {
  if (!(fn instanceof FunctionValue)) {
    throw new TypeError("async takes a function");
  }
  return from.async(async (current, { platform }) => {
    const parts = new Map([
      ["os", platform.os],
      ["arch", platform.architecture],
      ["variant", platform.variant ?? ""],
    ]);
    const context = new Values(new Map([["platform", new Values(parts)]]));
    return await state(await evaluator.call(fn, [new StateValue(async () => current), context])).force();
  });
}

function property(on: Value, name: string, evaluator: Evaluator): Value | Promise<Value> {
  if (on instanceof ExecValue && name === "root") {
    return rootOf(on, evaluator);
  }
  const value = on instanceof Values ? on.entries.get(name) : undefined;
  if (value === undefined) {
    throw new TypeError(`${describe(on)} has no ${name}`);
  }
  return value;
}

async function fromDefinition(args: Arguments): Promise<Value> {
  const value = args.get(0);
  if (!(value instanceof DefinitionValue)) {
    throw new TypeError("fromDefinition takes a definition");
  }
  // A definition without ops that has a map of metadata stands for an empty state.
  const made =
    value.definition.isEmpty && value.hasMetadata
      ? llb.scratch()
      : llb.fromDefinition(value.definition, { inheritPlatform: args.get("inheritPlatform") !== false });
  return new StateValue(async () => made);
}

async function makeSourceMap(args: Arguments): Promise<llb.SourceMap> {
  const data = args.get("data");
  const from = args.get("state");
  return llb.sourceMap({
    filename: text(args.get("filename")),
    language: optional(args.get("language"), text) ?? "",
    data: data instanceof Uint8Array ? data : text(data ?? ""),
    ...(from instanceof StateValue && { state: await from.force() }),
  });
}

function makeRange(args: Arguments): Value {
  const part = (name: string) => optional(args.get(name), number);
  const endLine = part("endLine");
  const start = { line: part("startLine") ?? 0, character: part("startChar") ?? 0 };
  return endLine === undefined && part("endChar") === undefined
    ? new Range({ start })
    : new Range({ start, end: { line: endLine ?? 0, character: part("endChar") ?? 0 } });
}

function makeOwner(args: Arguments): Value {
  const part = (name: string) =>
    optional(args.get(name), (value) => (typeof value === "bigint" ? uint32(value) : text(value)));
  const user = part("user");
  const group = part("group");
  return new Owner({ ...(user !== undefined && { user }), ...(group !== undefined && { group }) });
}

async function forced(states: readonly StateValue[]): Promise<readonly llb.State[]> {
  return await Promise.all(states.map((value) => value.force()));
}
