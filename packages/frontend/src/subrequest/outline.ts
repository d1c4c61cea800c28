import type { Result } from "@buildkit-node/gateway";
import type { SourceLocation } from "@buildkit-node/llb";
import { AnswerSources, answer, type Subrequest } from "./subrequest.ts";
import { textTable } from "./text-table.ts";

/** What the chosen target of a build takes from its caller. */
export interface Outline {
  /** The target; absent for the default. */
  readonly name?: string;
  readonly description?: string;
  readonly args?: readonly OutlineArg[];
  readonly secrets?: readonly OutlineNeed[];
  readonly ssh?: readonly OutlineNeed[];
  readonly cache?: readonly { readonly id: string; readonly location?: SourceLocation }[];
}

export interface OutlineArg {
  readonly name: string;
  readonly description?: string;
  /** What it is when the caller says nothing, or what the caller says. */
  readonly value?: string;
  readonly location?: SourceLocation;
}

export interface OutlineNeed {
  readonly name: string;
  readonly required?: boolean;
  readonly location?: SourceLocation;
}

export const outlineSubrequest: Subrequest = {
  name: "frontend.outline",
  version: "1.0.0",
  description: "List all parameters current build target supports",
  opts: [{ name: "target", description: "Target build stage" }],
  metadata: [{ name: "result.json" }, { name: "result.txt" }],
};

export function outlineResult(outline: Outline): Result {
  const { name, description, args = [], secrets = [], ssh = [], cache = [] } = outline;
  const sources = new AnswerSources();
  const need = ({ location, ...rest }: OutlineNeed) => ({ ...rest, location: sources.locate(location) });
  const json = {
    name,
    description,
    args: args.map(({ location, ...rest }) => ({ ...rest, location: sources.locate(location) })),
    secrets: secrets.map(need),
    ssh: ssh.map(need),
    cache: cache.map(({ id, location }) => ({ ID: id, location: sources.locate(location) })),
  };
  const whole = { ...json, sources: sources.contents };
  return answer(outlineSubrequest, whole, { "result.txt": outlineText(outline) });
}

function outlineText({ name, description, args = [], secrets = [], ssh = [] }: Outline): string {
  const head =
    name === undefined && description === undefined
      ? []
      : [
          textTable([
            ["TARGET:", name ?? "(default)"],
            ...(description === undefined ? [] : [["DESCRIPTION:", description]]),
          ]),
        ];
  const needs = (title: string, list: readonly OutlineNeed[]) =>
    list.length === 0
      ? []
      : [
          textTable([
            [title, "REQUIRED"],
            ...list.map((one) => [one.name, one.required === true ? "true" : ""]),
          ]),
        ];
  const argRows = args.map((arg) => [arg.name, arg.value ?? "", arg.description ?? ""]);
  const table = args.length === 0 ? [] : [textTable([["BUILD ARG", "VALUE", "DESCRIPTION"], ...argRows])];
  return [...head, ...table, ...needs("SECRET", secrets), ...needs("SSH", ssh)].join("\n");
}
