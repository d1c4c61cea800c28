import * as llb from "@buildkit-node/llb";
import fc from "fast-check";

/** What every graph of a test is marshalled with: nothing in it is left to chance. */
export const options = { platform: "linux/amd64", localUniqueId: "unique" } as const;

/** Marshals for the tests' platform. */
export function marshalled(state: llb.State): llb.Definition {
  return llb.marshal(state, options);
}

const name = fc.stringMatching(/^[a-z][a-z0-9]{0,5}$/);
/** Any text that has a UTF-8 form. */
const anyText = fc.string({ unit: "binary" }).filter((text) => !/[\ud800-\udfff]/u.test(text));
const path = fc
  .array(fc.oneof(name, fc.constantFrom(".", "..", "")), { maxLength: 4 })
  .map((parts) => parts.join("/"));
const texts = fc.array(anyText, { maxLength: 3 });
const int64 = fc.oneof(fc.maxSafeInteger(), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }));

const step: fc.Arbitrary<llb.StepOptions> = fc.record(
  {
    name: anyText,
    description: fc.dictionary(fc.oneof(anyText, fc.constantFrom("10", "9", "__proto__")), anyText, {
      maxKeys: 3,
    }),
    ignoreCache: fc.boolean(),
    exportCache: fc.boolean(),
    platform: fc.constantFrom("linux/arm64", "linux/arm/v7", "windows/amd64"),
    progressGroup: fc.record({ id: name, name: anyText, weak: fc.boolean() }),
    resources: fc.record({ memoryBytes: int64, cpusetCpus: anyText }, { requiredKeys: [] }),
    require: texts,
    locations: fc.array(
      fc
        .record({ filename: name, line: fc.nat(99), data: anyText })
        .map(({ filename, line, data }) =>
          llb.sourceMap({ filename, data }).location({ start: { line, character: 0 } }),
        ),
      { maxLength: 2 },
    ),
  },
  { requiredKeys: [] },
);

const sources: fc.Arbitrary<llb.State> = fc.oneof(
  fc.tuple(name, step).map(([ref, given]) => llb.image(ref, given)),
  fc.tuple(anyText, fc.record({ include: texts, exclude: texts })).map(([of, given]) => llb.local(of, given)),
  fc.tuple(name, name).map(([host, repo]) => llb.git(`https://${host}.example/${repo}.git`, { ref: "main" })),
  fc
    .tuple(anyText, fc.dictionary(anyText, anyText, { maxKeys: 4 }))
    .map(([rest, attrs]) => llb.source(`x${rest}`, { attrs })),
  fc.constant(llb.scratch()),
);

type Change = (state: llb.State, others: readonly llb.State[]) => llb.State;

function pick(states: readonly llb.State[], at: number): llb.State {
  return states[at % states.length] ?? llb.scratch();
}

const changes: fc.Arbitrary<Change> = fc.oneof(
  fc.tuple(anyText, anyText).map(
    ([key, value]): Change =>
      (state) =>
        state.env(key, value),
  ),
  path.map(
    (dir): Change =>
      (state) =>
        state.dir(dir),
  ),
  anyText.map(
    (user): Change =>
      (state) =>
        state.user(user),
  ),
  fc.tuple(int64, int64).map(
    ([soft, hard]): Change =>
      (state) =>
        state.ulimit({ name: "nofile", soft, hard }),
  ),
  fc.tuple(fc.array(anyText, { minLength: 1, maxLength: 3 }), step, fc.nat(), name).map(
    ([args, given, at, target]): Change =>
      (state, others) =>
        state.exec(args, {
          ...given,
          mounts: [llb.bind(`/${target}`, pick(others, at)), llb.cache("/cache"), llb.ssh()],
        }).mounts[`/${target}`] as llb.State,
  ),
  fc.tuple(fc.array(anyText, { minLength: 1, maxLength: 3 }), fc.dictionary(name, anyText)).map(
    ([args, env]): Change =>
      (state) =>
        state.run(args, { env, mounts: [llb.secret("id", { env: "TOKEN" }), llb.tmpfs("/t")] }),
  ),
  fc.tuple(path, path, fc.nat(), fc.constantFrom("root", "1000:staff", "bob")).map(
    ([src, dest, at, owner]): Change =>
      (state, others) =>
        state.file([
          llb.mkdir("d", { owner }),
          llb.copy(pick(others, at), src, dest, { wildcard: true }),
          llb.rm("x"),
        ]),
  ),
  fc.tuple(path, fc.uint8Array(), fc.date({ noInvalidDate: true })).map(
    ([at, data, createdAt]): Change =>
      (state) =>
        state.file(llb.mkfile(at, data, { createdAt })),
  ),
  fc.tuple(fc.nat(), step).map(
    ([at, given]): Change =>
      (state, others) =>
        llb.merge([state, pick(others, at)], given),
  ),
  fc.nat().map(
    (at): Change =>
      (state, others) =>
        llb.diff(state, pick(others, at)),
  ),
  fc.nat().map(
    (at): Change =>
      (state, others) =>
        state.output === undefined
          ? state
          : state.requires({ id: "gate", after: [pick(others, at), llb.image("a")] }),
  ),
);

/** A graph with everything in it: all states that were made on the way to its last one. */
export const graphs: fc.Arbitrary<readonly llb.State[]> = fc
  .tuple(
    fc.array(sources, { minLength: 1, maxLength: 4 }),
    fc.array(fc.tuple(fc.nat(), changes), { maxLength: 12 }),
  )
  .map(([first, steps]) => {
    const all = [...first];
    for (const [at, change] of steps) {
      all.push(change(pick(all, at), all));
    }
    return all;
  });

/** The last state of a graph. */
export const states: fc.Arbitrary<llb.State> = graphs.map((all) => all.at(-1) ?? llb.scratch());
