import * as llb from "@buildkit-node/llb";
import fc from "fast-check";
import {
  anyText,
  dictionary,
  filledText,
  int64,
  name,
  path,
  platform,
  step,
  texts,
  withStep,
} from "./any-value.ts";

/** Makes a state from one of a graph, and from any others of it. */
export type GraphChange = (state: llb.State, others: readonly llb.State[]) => llb.State;

/** One of the states of a graph. */
export function pick(states: readonly llb.State[], at: number): llb.State {
  return states[at % states.length] ?? llb.scratch();
}

const ulimit = fc.record({ name: anyText, soft: int64, hard: int64 });
const host = fc.record({ host: anyText, ip: fc.oneof(fc.ipV4(), fc.ipV6()) });
const network = fc.constantFrom<llb.NetworkMode>("sandbox", "host", "none", 7);
const security = fc.constantFrom<llb.SecurityMode>("sandbox", "insecure");

const imageConfig = fc.record({
  os: fc.constantFrom("", "linux"),
  architecture: name,
  config: fc.record({ Env: fc.array(anyText, { maxLength: 3 }), WorkingDir: path }),
});

const settings: fc.Arbitrary<GraphChange> = fc.oneof(
  dictionary.map(
    (variables): GraphChange =>
      (state) =>
        state.env(variables),
  ),
  path.map(
    (dir): GraphChange =>
      (state) =>
        state.dir(dir),
  ),
  anyText.map(
    (user): GraphChange =>
      (state) =>
        state.user(user).hostname(user).cgroupParent(user),
  ),
  fc.tuple(network, security).map(
    ([open, confined]): GraphChange =>
      (state) =>
        state.network(open).security(confined),
  ),
  ulimit.map(
    (limit): GraphChange =>
      (state) =>
        state.ulimit(limit),
  ),
  host.map(
    (line): GraphChange =>
      (state) =>
        state.extraHost(line.host, line.ip),
  ),
  platform.map(
    (of): GraphChange =>
      (state) =>
        state.platform(of),
  ),
  imageConfig.map(
    (config): GraphChange =>
      (state) =>
        state.imageConfig(config),
  ),
  fc.nat().map(
    (at): GraphChange =>
      (state, others) =>
        state.reset(pick(others, at)),
  ),
);

const id32 = fc.nat(0xffffffff);
const mountedFile = { uid: id32, gid: id32, mode: id32, optional: fc.boolean() };
const contentCache = fc.constantFrom<llb.ContentCache>("default", "off");

type MakeMount = (others: readonly llb.State[]) => llb.Mount;

const mount: fc.Arbitrary<MakeMount> = fc.oneof(
  fc
    .tuple(
      filledText,
      fc.nat(),
      fc.record({ path: anyText, contentCache }),
      fc.constantFrom("writable", "readonly", "no output"),
    )
    .map(
      ([target, at, given, how]): MakeMount =>
        (others) =>
          how === "readonly"
            ? llb.bind(`/b${target}`, pick(others, at), { ...given, contentCache: "on", readonly: true })
            : llb.bind(`/b${target}`, pick(others, at), { ...given, output: how === "writable" }),
    ),
  fc
    .tuple(
      filledText,
      fc.nat(),
      fc.record(
        {
          id: filledText,
          sharing: fc.constantFrom<llb.CacheSharing>("shared", "private", "locked"),
          path: anyText,
          readonly: fc.boolean(),
          contentCache,
        },
        { requiredKeys: [] },
      ),
    )
    .map(
      ([target, at, given]): MakeMount =>
        (others) =>
          llb.cache(`/c${target}`, { ...given, from: pick(others, at) }),
    ),
  fc
    .tuple(
      filledText,
      fc.record({ sizeBytes: fc.nat(), readonly: fc.boolean(), contentCache }, { requiredKeys: [] }),
    )
    .map(
      ([target, given]): MakeMount =>
        () =>
          llb.tmpfs(`/t${target}`, given),
    ),
  fc
    .tuple(
      filledText,
      fc.record({ target: filledText, env: filledText, ...mountedFile }, { requiredKeys: [] }),
    )
    .map(
      ([id, given]): MakeMount =>
        () =>
          llb.secret(id, given),
    ),
  fc.record({ id: anyText, target: anyText, ...mountedFile }, { requiredKeys: [] }).map(
    (given): MakeMount =>
      () =>
        llb.ssh(given),
  ),
);

const runOptions = withStep({
  env: dictionary,
  dir: path,
  user: anyText,
  hostname: anyText,
  network,
  security,
  cgroupParent: anyText,
  extraHosts: fc.array(host, { maxLength: 2 }),
  ulimits: fc.array(ulimit, { maxLength: 2 }),
  readonlyRoot: fc.boolean(),
  validExitCodes: fc.array(fc.integer(), { maxLength: 3 }),
  proxy: fc.record(
    { http: anyText, https: anyText, ftp: anyText, no: anyText, all: anyText },
    { requiredKeys: [] },
  ),
  devices: fc.array(fc.oneof(anyText, fc.record({ name: anyText, optional: fc.boolean() })), {
    maxLength: 2,
  }),
});

const commands: fc.Arbitrary<GraphChange> = fc
  .tuple(
    fc.array(anyText, { minLength: 1, maxLength: 3 }),
    runOptions,
    fc.array(mount, { maxLength: 5 }),
    fc.nat(),
  )
  .map(
    ([args, given, makeMounts, at]): GraphChange =>
      (state, others) => {
        const targets = new Set<string | undefined>();
        const mounts = makeMounts
          .map((make) => make(others))
          .filter(
            (one) =>
              one.kind === "secret" || one.kind === "ssh" || targets.size < targets.add(one.target).size,
          );
        const { root, mounts: outputs } = state.exec(args, { ...given, mounts });
        const results: readonly llb.State[] = [root, ...Object.values<llb.State>(outputs)];
        return pick(results, at);
      },
  );

const owner = fc.oneof(
  fc.constantFrom("root", "1000:staff", "bob", ""),
  fc.record({ user: fc.oneof(anyText, id32), group: fc.oneof(anyText, id32) }, { requiredKeys: [] }),
);
const createdAt = fc.oneof(
  fc.date({ min: new Date("1677-09-22"), max: new Date("2262-04-11"), noInvalidDate: true }),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
);
const made = { owner, createdAt };
const permissions = fc.nat(0o777);

type MakeAction = (others: readonly llb.State[]) => llb.FileAction;

const copyOptions = fc.record(
  {
    ...made,
    mode: fc.oneof(fc.nat(0o7777), fc.constantFrom("u=rwX,go=rX")),
    followSymlinks: fc.boolean(),
    contentsOnly: fc.boolean(),
    attemptUnpack: fc.boolean(),
    createDestPath: fc.boolean(),
    wildcard: fc.boolean(),
    allowEmptyWildcard: fc.boolean(),
    include: texts,
    exclude: texts,
    requiredPaths: texts,
    alwaysReplaceExisting: fc.boolean(),
  },
  { requiredKeys: [] },
);

const action: fc.Arbitrary<MakeAction> = fc.oneof(
  fc.tuple(path, fc.record({ ...made, mode: permissions, parents: fc.boolean() }, { requiredKeys: [] })).map(
    ([at, given]): MakeAction =>
      () =>
        llb.mkdir(at, given),
  ),
  fc.tuple(path, fc.uint8Array(), fc.record({ ...made, mode: permissions }, { requiredKeys: [] })).map(
    ([at, data, given]): MakeAction =>
      () =>
        llb.mkfile(at, data, given),
  ),
  fc.tuple(path, path, fc.record(made, { requiredKeys: [] })).map(
    ([from, at, given]): MakeAction =>
      () =>
        llb.symlink(from, at, given),
  ),
  fc.tuple(path, fc.record({ allowNotFound: fc.boolean(), wildcard: fc.boolean() })).map(
    ([at, given]): MakeAction =>
      () =>
        llb.rm(at, given),
  ),
  fc.tuple(fc.nat(), fc.boolean(), path, path, copyOptions).map(
    ([at, isStaged, src, dest, given]): MakeAction =>
      (others) => {
        const from = pick(others, at);
        return llb.copy(
          isStaged ? llb.staged(from, [llb.mkdir("staged"), llb.rm("x")]) : from,
          src,
          dest,
          given,
        );
      },
  ),
);

const files: fc.Arbitrary<GraphChange> = fc.tuple(fc.array(action, { minLength: 1, maxLength: 4 }), step).map(
  ([actions, given]): GraphChange =>
    (state, others) =>
      state.file(
        actions.map((make) => make(others)),
        given,
      ),
);

const joins: fc.Arbitrary<GraphChange> = fc.oneof(
  fc.tuple(fc.nat(), fc.nat(), step).map(
    ([at, then, given]): GraphChange =>
      (state, others) =>
        llb.merge([state, pick(others, at), pick(others, then)], given),
  ),
  fc.tuple(fc.nat(), step).map(
    ([at, given]): GraphChange =>
      (state, others) =>
        llb.diff(state, pick(others, at), given),
  ),
  fc.nat().map(
    (at): GraphChange =>
      (state, others) =>
        state.output === undefined
          ? state
          : state.requires({ id: "gate", after: [pick(others, at), llb.image("a")] }),
  ),
  fc.tuple(filledText, fc.nat(), step).map(
    ([id, at, given]): GraphChange =>
      (state, others) => {
        const inputs = [state, pick(others, at), llb.image("a")].map((one) => ({ state: one, output: true }));
        return llb.passthrough(id, inputs, given).output(0);
      },
  ),
  withStep({ filename: anyText }).map(
    (given): GraphChange =>
      (state) =>
        state.output === undefined ? state : state.build(given),
  ),
  fc.nat().map(
    (at): GraphChange =>
      (state, others) => {
        const definition = llb.marshal(pick(others, at), {
          platform: "linux/amd64",
          localUniqueId: "imported",
        });
        return definition.isEmpty ? state : llb.fromDefinition(definition);
      },
  ),
);

/** Any method of a state and any function of states, with any of their options. */
export const changes: fc.Arbitrary<GraphChange> = fc.oneof(settings, commands, files, joins);
