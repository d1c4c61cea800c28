// A frontend for a small language of YAML: see README.md beside this file.
import { defineFrontend, type FrontendRequest, type LintWarning } from "@buildkit-node/frontend";
import { imageConfigOf, type State } from "@buildkit-node/llb";
import type { Image } from "@buildkit-node/oci";
import { TargetBuilder } from "./build-target.ts";
import { type Project, type RunStep, readProject, type Target } from "./project.ts";

export const frontend = defineFrontend(
  async (_gateway, request) => {
    const project = await projectOf(request);
    const target = targetOf(project, request);
    return request.build(async (platform) => {
      const state = await new TargetBuilder(project, request, platform).state(target);
      return { ref: state, config: configOf(state, target) };
    });
  },
  {
    language: "YAML",
    outline: async (_gateway, request) => {
      const project = await projectOf(request);
      const target = targetOf(project, request);
      const runs = target.steps.filter((step): step is RunStep => step.kind === "run");
      return {
        name: target.name,
        ...(target.description !== undefined && { description: target.description }),
        args: project.args.map(({ name, value, range }) => ({
          name,
          ...(value !== undefined && { value }),
          location: project.file.location(range),
        })),
        secrets: runs.flatMap(({ secrets }) =>
          secrets.map(([id]) => ({
            name: id.value,
            required: true,
            location: project.file.location(id.range),
          })),
        ),
        cache: runs.flatMap(({ caches }) => caches.map((id) => ({ id }))),
      };
    },
    targets: async (_gateway, request) => {
      const { targets, defaultTarget, file } = await projectOf(request);
      return [...targets.values()].map(({ name, description, from, range }) => ({
        name,
        ...(description !== undefined && { description }),
        default: name === defaultTarget,
        base: from.value,
        location: file.location(range),
      }));
    },
    lint: async (_gateway, request) => unusedArgs(await projectOf(request)),
  },
);

async function projectOf(request: FrontendRequest): Promise<Project> {
  return readProject(await request.source(), request.args);
}

function targetOf({ targets, defaultTarget, file }: Project, { target }: FrontendRequest): Target {
  const found = targets.get(target || defaultTarget);
  if (found !== undefined) return found;
  throw file.error(`there is no target ${JSON.stringify(target)}`, file.lines(1));
}

function configOf(state: State, { entrypoint, cmd }: Target): Image {
  const image = imageConfigOf(state);
  return {
    ...image,
    config: {
      ...image.config,
      ...(entrypoint.length > 0 && { Entrypoint: entrypoint }),
      ...(cmd.length > 0 && { Cmd: cmd }),
    },
  };
}

function unusedArgs({ args, file }: Project): readonly LintWarning[] {
  return args
    .filter(({ name }) => !file.text.includes(`\${${name}}`))
    .map(({ name, range }) => ({
      rule: "UnusedArg",
      description: "An arg that nothing uses can be left out",
      detail: `nothing uses the arg ${name}`,
      location: file.location(range),
    }));
}
