import {
  bind,
  cache,
  copy,
  Definition,
  diff,
  fromDefinition,
  fromJSON,
  marshal,
  merge,
  mkdir,
  mkfile,
  passthrough,
  rm,
  type State,
  scratch,
  toJSON,
} from "@buildkit-node/llb";
import { describeGraphs, step } from "../../support/graph-cases.ts";
import { shellRoot } from "../../support/test-root.ts";

const list = "find . -mindepth 1 | sort | xargs";
const one: State = scratch().file([mkfile("/one", "1\n"), mkfile("/both", "one\n")]);
const two: State = scratch().file([mkfile("/two", "2\n"), mkfile("/both", "two\n")]);
const fresh = `${Date.now()}-${Math.random()}`;

describeGraphs("merge", {
  "lays states over each other, the last on top": {
    state: () => merge([one, two]),
    look: `${list}; cat both`,
    prints: "./both ./one ./two\ntwo",
  },
  "the other way round": { state: () => merge([two, one]), look: "cat both", prints: "one" },
  "leaves empty ones out": {
    state: () => merge([scratch(), one, scratch()]),
    look: list,
    prints: "./both ./one",
  },
  "keeps the settings of the first": {
    state: () =>
      step("pwd; echo $A", {}, merge([shellRoot.env("A", "first").dir("/in"), two.env("A", "second")])),
    prints: "/in\nfirst",
  },
});

describeGraphs("diff", {
  "is what was added": {
    state: () => diff(one, one.file(mkfile("/new", "new\n"))),
    look: list,
    prints: "./new",
  },
  "takes away what was removed, when it is merged": {
    state: () => merge([one, diff(one, one.file(rm("/one")))]),
    look: list,
    prints: "./both",
  },
  "from nothing is the whole": { state: () => diff(scratch(), two), look: list, prints: "./both ./two" },
  "to nothing takes all away": { state: () => merge([one, diff(one, scratch())]), look: list, prints: "" },
});

describeGraphs("passthrough", {
  "hands its outputs through": {
    state: () => passthrough("gate", [{ state: one, output: true }, { state: two }]).output(0),
    look: list,
    prints: "./both ./one",
  },
  "has an output for each input that says so": {
    state: () =>
      passthrough("gate", [
        { state: one },
        { state: two, output: true },
        { state: shellRoot, output: true },
      ]).output(0),
    look: list,
    prints: "./both ./two",
  },
  "requires: another step has been carried out": {
    state: () => {
      const mounts = [cache("/c", { id: `requires-${fresh}` })];
      const before = step("sleep 0.5; echo done >/c/log", { mounts });
      return step("cat /c/log", { mounts }, shellRoot.requires({ id: "gate", after: [before] }));
    },
    prints: "done",
  },
  "requires: a step that fails fails the build": {
    state: () => one.requires({ id: "gate", after: [shellRoot.run(["/bin/false"])] }),
    fails: /exit code: 1/,
  },
});

const definition = (state: State) => marshal(state, { platform: "linux/amd64", localUniqueId: "fixed" });

describeGraphs("build", {
  "solves the definition in a file": {
    state: () =>
      scratch()
        .file(mkfile("/buildkit.llb.definition", definition(one).toBytes()))
        .build(),
    look: list,
    prints: "./both ./one",
  },
  filename: {
    state: () =>
      scratch()
        .file(mkfile("/other", definition(two).toBytes()))
        .build({ filename: "other" }),
    look: list,
    prints: "./both ./two",
  },
  "of a file that is no definition fails": {
    state: () => scratch().file(mkfile("/buildkit.llb.definition", "no definition")).build(),
    fails: /./,
  },
});

describeGraphs("definitions", {
  "read from bytes, and built on": {
    state: () => {
      const read = fromDefinition(Definition.fromBytes(definition(one).toBytes()));
      return merge([read.file(mkfile("/more", "more\n"))]);
    },
    look: list,
    prints: "./both ./more ./one",
  },
  "read from JSON, and copied from": {
    state: () => {
      const read = fromDefinition(fromJSON(JSON.stringify(toJSON(definition(step("echo said"))))));
      return scratch().file(copy(read, "/said", "/copied"));
    },
    look: "cat copied",
    prints: "said",
  },
  "of a mount's output": {
    state: () => {
      const { mounts } = shellRoot.exec(["/bin/touch", "/b/f"], { mounts: { "/a": one, "/b": scratch() } });
      return fromDefinition(definition(mounts["/b"]));
    },
    look: list,
    prints: "./f",
  },
});

describeGraphs("settings of a state", {
  "imageConfig: variables and directory": {
    state: () =>
      step(
        "pwd; echo $A; echo $PATH",
        {},
        shellRoot.imageConfig({
          os: "linux",
          architecture: "amd64",
          config: { Env: ["A=b=c"], WorkingDir: "/work" },
        }),
      ),
    prints: "/work\nb=c\n/bin",
  },
  "reset: the files of one state, the settings of another": {
    state: () =>
      step("pwd; echo $A", {}, shellRoot.reset(scratch().dir("/there").env({ A: "other", PATH: "/bin" }))),
    prints: "/there\nother",
  },
  "with: functions, one after the other": {
    state: () =>
      step(
        "cat /d/f; pwd",
        {},
        shellRoot.with(
          (state) => state.file([mkdir("/d"), mkfile("/d/f", "made\n")]),
          (state) => state.dir("/d"),
        ),
      ),
    prints: "made\n/d",
  },
  "async: what is found out before marshalling": {
    state: () =>
      step(
        "cat /found",
        { mounts: [] },
        shellRoot.async(async (state, { platform }) => state.file(mkfile("/found", `for ${platform.os}\n`))),
      ),
    prints: "for linux",
  },
  "env: the last value": {
    state: () => step("env | grep ^T_ | sort", {}, shellRoot.env({ T_A: "1", T_B: "2" }).env("T_A", "3")),
    prints: "T_A=3\nT_B=2",
  },
  "mounts of an exec are states with fresh settings": {
    state: () => {
      const { root, mounts } = shellRoot
        .dir("/in")
        .exec(["/bin/touch", "/m/f"], { mounts: { "/m": scratch() } });
      return step("pwd; ls /m", { mounts: [bind("/m", mounts["/m"])] }, root);
    },
    prints: "/in\nf",
  },
});
