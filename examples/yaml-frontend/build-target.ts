import type { FrontendRequest } from "@buildkit-node/frontend";
import { cache, copy, mkfile, type State, scratch, secret, shlex } from "@buildkit-node/llb";
import type { Platform } from "@buildkit-node/oci";
import type { CopyStep, Project, RunStep, Step, Target } from "./project.ts";

/** The files of a target for one platform; those of other targets are made once. */
export class TargetBuilder {
  readonly #project: Project;
  readonly #request: FrontendRequest;
  readonly #platform: Platform;
  readonly #made = new Map<string, Promise<State>>();

  constructor(project: Project, request: FrontendRequest, platform: Platform) {
    this.#project = project;
    this.#request = request;
    this.#platform = platform;
  }

  state(target: Target): Promise<State> {
    const made = this.#made.get(target.name) ?? this.#make(target);
    this.#made.set(target.name, made);
    return made;
  }

  async #make(target: Target): Promise<State> {
    let state = await this.#base(target);
    for (const [name, value] of target.env) state = state.env(name, value);
    if (target.workdir !== undefined) state = state.dir(target.workdir);
    for (const [index, step] of target.steps.entries()) {
      const name = `[${target.name} ${index + 1}/${target.steps.length}] ${titleOf(step)}`;
      state = await this.#step(state, target, step, name);
    }
    return target.user === undefined ? state : state.user(target.user);
  }

  async #base({ name, from }: Target): Promise<State> {
    if (from.value === "scratch") return scratch();
    const other = this.#project.targets.get(from.value);
    if (other === undefined)
      return (await this.#request.image(from.value, { platform: this.#platform })).state;
    this.#checkCircle(name, other, from.range);
    return this.state(other);
  }

  async #step(state: State, target: Target, step: Step, name: string): Promise<State> {
    const { file } = this.#project;
    const options = {
      name,
      locations: [file.location(step.range)],
      ...(this.#request.ignoresCache(target.name) && { ignoreCache: true }),
    };
    switch (step.kind) {
      case "run":
        return state.run(["/bin/sh", "-c", step.command], { ...options, ...runOptions(step) });
      case "write":
        return state.file(mkfile(step.path, step.text), options);
      case "copy":
        return state.file(copy(await this.#source(target, step), step.src, step.dest, copyOptions), options);
    }
  }

  async #source({ name }: Target, { from }: CopyStep): Promise<State> {
    if (from === undefined) return this.#request.context();
    const other = this.#project.targets.get(from.value);
    if (other === undefined) {
      const { file } = this.#project;
      throw file.error(`there is no target ${JSON.stringify(from.value)} to copy from`, from.range);
    }
    this.#checkCircle(name, other, from.range);
    return this.state(other);
  }

  /** Whether `other` needs the target that is being made. */
  #checkCircle(name: string, other: Target, range: Target["range"]): void {
    const { targets, file } = this.#project;
    const seen = new Set<string>();
    const reaches = (target: Target | undefined): boolean => {
      if (target === undefined || seen.has(target.name)) return false;
      if (target.name === name) return true;
      seen.add(target.name);
      const copies = target.steps.flatMap((step) =>
        step.kind === "copy" && step.from ? [step.from.value] : [],
      );
      return [target.from.value, ...copies].some((next) => reaches(targets.get(next)));
    };
    if (reaches(other)) throw file.error(`the targets ${name} and ${other.name} need each other`, range);
  }
}

const copyOptions = { createDestPath: true, contentsOnly: true, wildcard: true } as const;

function runOptions({ env, caches, secrets }: RunStep) {
  return {
    env: Object.fromEntries(env),
    mounts: [
      ...caches.map((path) => cache(path, { id: path })),
      ...secrets.map(([id, path]) => secret(id.value, { target: path })),
    ],
  };
}

function titleOf(step: Step): string {
  if (step.kind === "run") return `run ${shlex(step.command).slice(0, 8).join(" ")}`;
  return step.kind === "copy" ? `copy ${step.src} ${step.dest}` : `write ${step.path}`;
}
