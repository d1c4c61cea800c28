import { type Image, normalizePlatform, type Platform } from "@buildkit-node/oci";
import { commandChange, type Variables } from "./command-settings.ts";
import { constraintsOf, noConstraints, type StepOptions } from "./constraints.ts";
import { Deferred, type Resolved } from "./deferred.ts";
import { LlbError } from "./error.ts";
import { extraHostOf } from "./extra-host.ts";
import { actionList, type FileActions } from "./file-action.ts";
import { readImageConfig, withImage } from "./image-config.ts";
import type { ImageClient, LookUp, LookUpOptions } from "./image-resolver.ts";
import type { BindMount, Mount } from "./mount.ts";
import { dirBelow } from "./path.ts";
import { type EntryPoint, noted, type Place } from "./place.ts";
import { type PlatformOption, platformOf } from "./platform-option.ts";
import type { Mounts, RunOptions } from "./run-options.ts";
import {
  changed,
  checkNetwork,
  checkSecurity,
  defaultSettings,
  type NetworkMode,
  type SecurityMode,
  type Settings,
} from "./settings.ts";
import { commandOf, makeExec, mountedStates, mountList, mountOutput } from "./steps/exec.ts";
import { copiedStates, makeFile } from "./steps/file.ts";
import { makePassthrough } from "./steps/passthrough.ts";
import { checkText, checkTexts } from "./text.ts";
import { type Ulimit, ulimitOf } from "./ulimit.ts";
import type { BuildVertex, ExecVertex, Output } from "./vertex.ts";

/** A state that waits for nothing: a filesystem, and the settings for the steps on it. */
export interface Closed {
  /** Absent for an empty filesystem. */
  readonly output: Output | undefined;
  readonly settings: Settings;
}

/** What a state holds: itself, or the way to it. */
export type Contents = Closed | Deferred<State>;

/** The targets of the mounts that a command can leave something in. */
export type OutputTarget<M extends Mounts> = M extends readonly (infer Item)[]
  ? Item extends BindMount<infer Target, true>
    ? Target
    : never
  : keyof M & string;

/** A command that was run: its root and the content of its writable mounts, each of them a state. */
export interface Exec<Target extends string = string> {
  /** The root filesystem after the command, with the settings of the state before it. */
  readonly root: State;
  /** The writable mounts by target, each with fresh settings. */
  readonly mounts: Readonly<Record<Target, State>>;
}

/** What an async step may look at. */
export interface AsyncContext {
  /** The platform that the graph will be marshalled for. */
  readonly platform: Platform;
  readonly signal: AbortSignal | undefined;
}

/** What a state holds. */
export let contentsOf: (state: State) => Contents;

/**
 * A filesystem as a recipe: the graph of steps that make it, and the settings (variables, directory, user …) for the
 * steps that follow. Immutable: every method returns a new state. Nothing happens until a daemon solves it.
 */
export class State {
  readonly #contents: Contents;
  readonly #lookUp: LookUp<State> | undefined;

  /** States are made by functions such as `image` and `scratch`, and by the methods of other states. */
  constructor(contents: Contents, lookUp?: LookUp<State>) {
    this.#contents = contents;
    this.#lookUp = lookUp;
  }

  /** The result of a step that the files come from; absent for an empty filesystem. Throws for an open state. */
  get output(): Output | undefined {
    return closedOf(this).output;
  }

  /** The settings for the steps that follow. Throws for an open state: see `resolve`. */
  get settings(): Settings {
    return closedOf(this).settings;
  }

  /** Whether the state waits for something: then it must go through `resolve` before it is marshalled. */
  get isOpen(): boolean {
    return this.#contents instanceof Deferred;
  }

  /**
   * Looks an image up now, for a state straight from `image`. What this gives is pinned to the digest that the image has
   * now, if it has one, and has the image's variables, directory, user and platform.
   *
   * @throws LlbError with reason `resolve` for any other state: the images of a graph are looked up by the function
   * `resolve`, and by the client that the graph is given to
   * @throws what the client throws, such as an `ImageError` when there is no such image
   */
  async resolve(client: ImageClient, options: LookUpOptions = {}): Promise<State> {
    if (this.#lookUp !== undefined) return this.#lookUp(client, options);
    throw new LlbError("only the state of an image can be looked up: call resolve before anything else", {
      reason: "resolve",
      value: this,
      place: this.resolve,
    });
  }

  /** Sets a variable, or several; `undefined` removes one. */
  env(name: string, value: string | undefined): State;
  env(variables: Variables): State;
  env(first: string | Variables, value?: string): State {
    const variables: readonly (readonly [string, string | undefined])[] =
      typeof first === "string" ? [[first, value]] : Object.entries(first);
    checkTexts(variables.flat(), this.env);
    return this.#change(({ env }) => ({
      env: variables.reduce((list, [name, text]) => list.set(name, text), env),
    }));
  }

  /** Changes the directory that commands run in and that relative paths start from. */
  dir(path: string): State {
    checkText(path, this.dir);
    return this.#change(({ dir }) => ({ dir: dirBelow(dir, path) }));
  }

  /** Sets the user of commands: `name`, `name:group`, or ids. */
  user(user: string): State {
    checkText(user, this.user);
    return this.#change(() => ({ user }));
  }

  hostname(hostname: string): State {
    checkText(hostname, this.hostname);
    return this.#change(() => ({ hostname }));
  }

  /** Sets the network of commands. `host` needs the entitlement `network.host`. */
  network(network: NetworkMode): State {
    checkNetwork(network, this.network);
    return this.#change(() => ({ network }));
  }

  /** Sets how commands are confined. `insecure` needs the entitlement `security.insecure`. */
  security(security: SecurityMode): State {
    checkSecurity(security, this.security);
    return this.#change(() => ({ security }));
  }

  /** Adds a line to the `/etc/hosts` of commands. */
  extraHost(host: string, ip: string): State {
    const line = extraHostOf({ host, ip }, this.extraHost);
    return this.#change(({ extraHosts }) => ({ extraHosts: [...extraHosts, line] }));
  }

  /** Adds a limit for the processes of commands. */
  ulimit(limit: Ulimit): State {
    const checked = ulimitOf(limit, this.ulimit);
    return this.#change(({ ulimits }) => ({ ulimits: [...ulimits, checked] }));
  }

  cgroupParent(cgroupParent: string): State {
    checkText(cgroupParent, this.cgroupParent);
    return this.#change(() => ({ cgroupParent }));
  }

  /** Sets the platform of the commands that follow, in its normal form. */
  platform(platform: PlatformOption): State {
    const normal = normalizePlatform(platformOf(platform, this.platform));
    return this.#change(() => ({ platform: normal }));
  }

  /** Applies the variables, directory and platform of an image config: the document, or its JSON. */
  imageConfig(config: Image | string | Uint8Array): State {
    const image = readImageConfig(config, this.imageConfig);
    return this.#change((settings) => withImage(settings, image));
  }

  /** The files of this state with the settings of another one. */
  reset(other: State): State {
    return combine([this, other], undefined, (closed) =>
      withOutput(closed(other).settings, closed(this).output),
    );
  }

  /** Applies functions from state to state, one after the other. */
  with(...changes: readonly ((state: State) => State)[]): State {
    return changes.reduce<State>((state, change) => change(state), this);
  }

  /**
   * Goes on with what a function makes of this state when the graph is resolved; it is called once per platform.
   */
  async(make: (state: State, context: AsyncContext) => State | Promise<State>): State {
    return new State(
      new Deferred(this.#contents instanceof Deferred ? [this.#contents] : [], (resolved, context) =>
        make(resolvedState(this, resolved), { platform: context.platform, signal: context.signal }),
      ),
    );
  }

  /**
   * Runs a command on these files; the result is its root filesystem, with the settings of this state.
   *
   * @param args the command and its arguments; see `shlex` and `sh` for texts
   * @throws LlbError for a command without arguments, two mounts on one target, and wrong options
   */
  run(args: readonly string[], options: RunOptions = {}): State {
    const run = this.#run(args, options, mountList(options.mounts, this.run), this.run);
    return part(run, ({ root }) => root);
  }

  /** Like {@link run}, for a command whose writable mounts are of interest too. */
  exec<const M extends Mounts = readonly []>(
    args: readonly string[],
    options: RunOptions<M> = {},
  ): Exec<OutputTarget<M>> {
    const mounts = mountList(options.mounts, this.exec);
    const run = this.#run(args, options, mounts, this.exec);
    const outputs = mounts.filter((mount) => mount.kind === "bind" && mount.output);
    return Object.freeze({
      root: part(run, ({ root }) => root),
      mounts: Object.freeze(
        Object.fromEntries(
          outputs.map(({ target = "" }) => [
            target,
            part(run, ({ vertex }) => fresh(mountOutput(vertex, target))),
          ]),
        ),
      ) as Readonly<Record<OutputTarget<M>, State>>,
    });
  }

  /**
   * Changes files: one action, or several that work on each other's results.
   *
   * @throws LlbError with reason `file-action` when there is no action
   */
  file(actions: FileActions, options: StepOptions = {}): State {
    const list = actionList(actions, this.file);
    const constraints = constraintsOf(options, this.file);
    return combine(copiedStates(list, [this]), undefined, (closed) => {
      const base = closed(this);
      return withOutput(base.settings, makeFile(base, list, { closed, constraints }));
    });
  }

  /**
   * Solves the definition in a file of this state, and goes on with its result.
   *
   * @throws LlbError with reason `inputs` for an empty filesystem
   */
  build(
    options: StepOptions & {
      /** Default: `buildkit.llb.definition`. */
      readonly filename?: string;
    } = {},
  ): State {
    const { filename = "" } = options;
    checkText(filename, this.build);
    const constraints = constraintsOf(options, this.build);
    return combine([this], this.build, (closed, place) => {
      const { output, settings } = closed(this);
      if (output === undefined) {
        throw new LlbError("build reads its definition from a file, and there is none", {
          reason: "inputs",
          value: this,
          place,
        });
      }
      const vertex: BuildVertex = { kind: "build", input: output, filename, constraints };
      return withOutput(settings, Object.freeze({ vertex: Object.freeze(vertex), index: 0 }));
    });
  }

  /**
   * The same files, made only after other states have been made. BuildKit 0.31 and later.
   *
   * @param options.id a name for the gate
   * @throws LlbError with reason `inputs` for an empty id
   */
  requires(options: { readonly id: string; readonly after: readonly State[] }): State {
    const { id, after } = options;
    if (after.length === 0) {
      return this;
    }
    checkText(id, this.requires);
    const inputs = [{ state: this, output: true }, ...after.map((state) => ({ state, output: false }))];
    return combine([this, ...after], this.requires, (closed, place) => {
      const [output] = makePassthrough(id, inputs, { closed, constraints: noConstraints, place });
      return withOutput(closed(this).settings, output);
    });
  }

  #change(change: (settings: Settings) => Partial<Settings>): State {
    return combine([this], undefined, (closed) => {
      const { output, settings } = closed(this);
      return new State({ output, settings: changed(settings, change(settings)) });
    });
  }

  #run(
    args: readonly string[],
    options: RunOptions,
    mounts: readonly Mount[],
    entry: EntryPoint,
  ): Run | Deferred<Run> {
    const command = commandOf(args, options, entry);
    const change = commandChange(options, entry);
    const set = change === undefined ? this : this.#change(change);
    const base = options.with === undefined ? set : options.with(set);
    return combined(mountedStates(mounts, [this, base]), entry, (closed, place) => {
      const vertex = makeExec(closed(base), command, { mounts, closed, place });
      return { vertex, root: withOutput(closed(this).settings, mountOutput(vertex, "/")) };
    });
  }

  static {
    contentsOf = (state) => state.#contents;
  }
}

/** A state that waits for nothing. */
export function closedState(output: Output | undefined, settings: Settings): State {
  return new State({ output, settings });
}

/** A state with an output and the settings that a fresh state has. */
export function fresh(output: Output | undefined): State {
  return withOutput(defaultSettings, output);
}

/** A state with an output, whose platform it takes over. */
export function withOutput(settings: Settings, output: Output | undefined): State {
  const platform = output?.platform;
  return closedState(
    output,
    platform === undefined ? settings : changed(settings, { platform: normalizePlatform(platform) }),
  );
}

/**
 * Makes a state from others: at once, or when those that are open have been resolved.
 *
 * @param entry the public function that is being called, for errors that `make` finds
 */
export function combine(
  states: readonly State[],
  entry: EntryPoint | undefined,
  make: (closed: (state: State) => Closed, place: Place) => State,
): State {
  const made = combined(states, entry, make);
  return made instanceof Deferred ? new State(made) : made;
}

/** A command that was run, before its mounts become states. */
interface Run {
  readonly vertex: ExecVertex;
  readonly root: State;
}

/** Makes anything from states, as {@link combine} does. */
export function combined<T>(
  states: readonly State[],
  entry: EntryPoint | undefined,
  make: (closed: (state: State) => Closed, place: Place) => T,
): T | Deferred<T> {
  if (!states.some(isOpen)) {
    return make(closedOf, entry);
  }
  const needs = states.flatMap((state) => {
    const contents = contentsOf(state);
    return contents instanceof Deferred ? [contents] : [];
  });
  const place = noted(entry);
  return new Deferred(needs, (resolved) => make((state) => closedOf(resolvedState(state, resolved)), place));
}

function isOpen(state: State): boolean {
  return contentsOf(state) instanceof Deferred;
}

/** A part of something that may have to be waited for. */
export function part<T>(whole: T | Deferred<T>, take: (whole: T) => State): State {
  return whole instanceof Deferred
    ? new State(new Deferred([whole], (resolved) => take(resolved(whole))))
    : take(whole);
}

function resolvedState(state: State, resolved: Resolved): State {
  const contents = contentsOf(state);
  return contents instanceof Deferred ? resolved(contents) : state;
}

function closedOf(state: State): Closed {
  const contents = contentsOf(state);
  if (contents instanceof Deferred) {
    throw new LlbError(
      "the state waits for an image config or an async step: pass it through resolve first",
      {
        reason: "unresolved",
        value: state,
      },
    );
  }
  return contents;
}
