import type { Range } from "@buildkit-node/core";
import type { SourceFile } from "@buildkit-node/frontend";
import { type Fields, type Placed, readDocument } from "./document.ts";

/** The file, read: what can be built, and what it takes. */
export interface Project {
  readonly file: SourceFile;
  readonly args: readonly Arg[];
  readonly targets: ReadonlyMap<string, Target>;
  readonly defaultTarget: string;
}

export interface Arg {
  readonly name: string;
  /** Absent for one that the caller must give. */
  readonly value: string | undefined;
  readonly range: Range;
}

export interface Target {
  readonly name: string;
  readonly description: string | undefined;
  readonly range: Range;
  /** `scratch`, another target, or an image. */
  readonly from: Placed<string>;
  readonly steps: readonly Step[];
  readonly env: readonly (readonly [string, string])[];
  readonly workdir: string | undefined;
  readonly user: string | undefined;
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
}

export type Step = RunStep | CopyStep | WriteStep;

interface PlacedStep {
  readonly range: Range;
}

/** A command of the shell, or a list of arguments. */
export interface RunStep extends PlacedStep {
  readonly kind: "run";
  readonly command: string;
  readonly env: readonly (readonly [string, string])[];
  /** Directories that stay from build to build. */
  readonly caches: readonly string[];
  /** Secrets by id, and the files that they are put into. */
  readonly secrets: readonly (readonly [id: Placed<string>, path: string])[];
}

export interface CopyStep extends PlacedStep {
  readonly kind: "copy";
  readonly src: string;
  readonly dest: string;
  /** A target; absent for the build's context. */
  readonly from: Placed<string> | undefined;
}

export interface WriteStep extends PlacedStep {
  readonly kind: "write";
  readonly path: string;
  readonly text: string;
}

/**
 * Reads the file. The build args that the caller gives take the place of `${NAME}`.
 *
 * @throws {SourceError} pointing at what is wrong
 */
export function readProject(file: SourceFile, given: Readonly<Record<string, string>>): Project {
  const root = readDocument(file).allow("args", "default", "targets");
  const args = root.entries("args").map(([key, value]): Arg => {
    return { name: key.value, value: given[key.value] ?? (value?.value || undefined), range: key.range };
  });
  const reader = new Reader(file, args);
  const fields = root.fields("targets");
  const targets = new Map(
    (fields?.keys() ?? []).map((key) => [key.value, reader.target(key, fields?.fields(key.value))] as const),
  );
  const first = targets.keys().next().value;
  const defaultTarget = root.text("default");
  if (first === undefined) throw file.error("there are no targets", root.range);
  if (defaultTarget !== undefined && !targets.has(defaultTarget.value)) {
    throw file.error(`there is no target ${JSON.stringify(defaultTarget.value)}`, defaultTarget.range);
  }
  return { file, args, targets, defaultTarget: defaultTarget?.value ?? first };
}

class Reader {
  readonly #file: SourceFile;
  readonly #args: ReadonlyMap<string, Arg>;

  constructor(file: SourceFile, args: readonly Arg[]) {
    this.#file = file;
    this.#args = new Map(args.map((arg) => [arg.name, arg]));
  }

  target({ value: name, range }: Placed<string>, fields: Fields | undefined): Target {
    fields?.allow("from", "description", "steps", "env", "workdir", "user", "entrypoint", "cmd");
    const from = fields?.text("from");
    if (fields === undefined || from === undefined) {
      throw this.#file.error(`the target ${JSON.stringify(name)} needs a "from"`, range);
    }
    return {
      name,
      range,
      description: fields.text("description")?.value,
      from: { ...from, value: this.#filled(from) },
      steps: fields.list("steps").map((step) => this.#step(step)),
      env: this.#pairs(fields, "env"),
      workdir: this.#optional(fields, "workdir"),
      user: this.#optional(fields, "user"),
      entrypoint: fields.texts("entrypoint").map((text) => this.#filled(text)),
      cmd: fields.texts("cmd").map((text) => this.#filled(text)),
    };
  }

  #step(fields: Fields): Step {
    const { range } = fields;
    if (fields.has("run")) {
      fields.allow("run", "env", "caches", "secrets");
      return {
        kind: "run",
        range,
        command: this.#needed(fields, "run"),
        env: this.#pairs(fields, "env"),
        caches: fields.texts("caches").map((text) => this.#filled(text)),
        secrets: fields.entries("secrets").map(([id, path]) => {
          return [id, path === undefined ? `/run/secrets/${id.value}` : this.#filled(path)] as const;
        }),
      };
    }
    if (fields.has("copy")) {
      fields.allow("copy", "to", "from");
      const from = fields.text("from");
      return {
        kind: "copy",
        range,
        src: this.#needed(fields, "copy"),
        dest: this.#needed(fields, "to"),
        from,
      };
    }
    if (fields.has("write")) {
      fields.allow("write", "text");
      return {
        kind: "write",
        range,
        path: this.#needed(fields, "write"),
        text: this.#needed(fields, "text"),
      };
    }
    throw this.#file.error('a step is one of "run", "copy" and "write"', range);
  }

  #pairs(fields: Fields, name: string): readonly (readonly [string, string])[] {
    return fields.entries(name).map(([key, value]) => [key.value, value ? this.#filled(value) : ""] as const);
  }

  #optional(fields: Fields, name: string): string | undefined {
    const text = fields.text(name);
    return text && this.#filled(text);
  }

  #needed(fields: Fields, name: string): string {
    const text = fields.text(name);
    if (text !== undefined && text.value !== "") return this.#filled(text);
    throw this.#file.error(`the step needs ${JSON.stringify(name)}`, fields.range);
  }

  #filled({ value, range }: Placed<string>): string {
    return value.replace(/\$\{(\w+)\}/g, (_, name: string) => {
      const arg = this.#args.get(name);
      if (arg === undefined) throw this.#file.error(`there is no arg ${name}`, range);
      if (arg.value === undefined) {
        throw this.#file.error(`the arg ${name} has no value: give --build-arg ${name}=…`, range);
      }
      return arg.value;
    });
  }
}
