import { BuildkitError } from "@buildkit-node/core";
import * as llb from "@buildkit-node/llb";
import { describe, expect, it } from "vitest";
import { marshalled, options } from "./support/graphs.ts";

const alpine = llb.image("alpine");
const hex = "0123456789abcdef".repeat(4);
const blob = `org/data@sha256:${hex}`;
const layout = `base@sha256:${hex}`;
const lone = "half \ud83d a pair";

/** What was thrown. */
function thrownBy(act: () => unknown): llb.LlbError {
  try {
    act();
  } catch (error) {
    if (error instanceof llb.LlbError) {
      return error;
    }
    throw error;
  }
  throw new Error("nothing was thrown");
}

type Case = readonly [what: string, reason: llb.LlbErrorReason, value: unknown, act: () => unknown];

const atTheCall: readonly Case[] = [
  [
    "an upper-case repository",
    "reference",
    "docker.io/Library/Alpine",
    () => llb.image("docker.io/Library/Alpine"),
  ],
  ["an image id", "reference", hex, () => llb.image(hex)],
  ["an empty reference", "reference", "", () => llb.image("")],
  ["a checksum that is no digest", "digest", "sha256:12", () => llb.image("a", { checksum: "sha256:12" })],
  ["a layer limit of 0", "source", 0, () => llb.image("a", { layerLimit: 0 })],
  ["a platform with a wildcard", "platform", "linux/*", () => llb.image("a", { platform: "linux/*" })],
  ["a system without architecture", "platform", "linux", () => alpine.platform("linux")],
  ["a blob with a tag", "reference", `alpine:1@sha256:${hex}`, () => llb.imageBlob(`alpine:1@sha256:${hex}`)],
  ["a blob without digest", "reference", "alpine", () => llb.imageBlob("alpine")],
  ["an OCI blob without store", "source", "", () => llb.ociLayoutBlob(blob, { store: "" })],
  [
    "a mode with more than permission bits",
    "source",
    0o4755,
    () => llb.http("https://a/b", { mode: 0o4755 }),
  ],
  ["an OCI layout's layer limit below 0", "source", -1, () => llb.ociLayout("a/b@c", { layerLimit: -1 })],
  ["an OCI layout's image without a second name", "reference", layout, () => llb.ociLayout(layout)],
  ["an OCI layout's image by its digest alone", "reference", hex, () => llb.ociLayout(hex)],
  ["an OCI layout's image without digest", "reference", "a/b", () => llb.ociLayout("a/b")],
  ["an OCI layout's image without a name", "reference", "/a@b", () => llb.ociLayout("/a@b")],
  [
    "a URL for an OCI layout's image",
    "reference",
    "oci-layout://a/b@c",
    () => llb.ociLayout("oci-layout://a/b@c"),
  ],
  [
    "a way to resolve that there is not",
    "source",
    "never",
    () => llb.image("a", { resolveMode: "never" as "pull" }),
  ],
  [
    "a comparison that there is not",
    "source",
    "x",
    () => llb.local("a", { differ: { type: "x" as "none" } }),
  ],
  ["an empty web address", "source", "", () => llb.http("")],
  [
    "a web checksum that is no digest",
    "digest",
    "md5:1",
    () => llb.http("https://a/b", { checksum: "md5:1" }),
  ],
  [
    "half a signature",
    "source",
    { publicKey: "KEY", signature: "" },
    () => llb.http("https://a/b", { pgpSignature: { publicKey: "KEY", signature: "" } }),
  ],
  ["an empty identifier", "source", "", () => llb.source("")],
  ["a query in a Git address", "git-url", "https://h/r?ref=x", () => llb.git("https://h/r?ref=x")],
  ["a Git ref like an option", "source", "--upload-pack=x", () => llb.git("h/r", { ref: "--upload-pack=x" })],
  ["a Git ref like an option, behind the address", "source", "-x", () => llb.git("https://h/r#-x")],
  [
    "a bundle without checksum",
    "source",
    { locator: `docker-image+blob://${blob}` },
    () => llb.git("h/r", { bundle: { locator: `docker-image+blob://${blob}` } }),
  ],
  [
    "a bundle that is no blob",
    "source",
    "https://h/bundle",
    () => llb.git("h/r", { checksum: "12", bundle: { locator: "https://h/bundle" } }),
  ],
  [
    "a checked-out bundle with a subdirectory",
    "source",
    { checkoutBundle: true, subdir: "a" },
    () => llb.git("h/r", { checkoutBundle: true, subdir: "a" }),
  ],
  ["a command without arguments", "args", [], () => alpine.run([])],
  ["a command line in the place of arguments", "args", "npm ci", () => alpine.run("npm ci" as never)],
  ["an open quote", "command-line", "echo 'x", () => llb.shlex("echo 'x")],
  ["a backslash at the end", "command-line", "echo \\", () => llb.shlex("echo \\")],
  ["an empty mount target", "mount", "", () => llb.bind("", alpine)],
  [
    "a read-only output",
    "mount",
    true,
    () => llb.bind("/a", alpine, { readonly: true, output: true } as never),
  ],
  [
    "a cached content that changes",
    "mount",
    "on",
    () => llb.bind("/a", alpine, { path: "/sub", contentCache: "on" }),
  ],
  ["a sharing that there is not", "mount", "lock", () => llb.cache("/c", { sharing: "lock" as "locked" })],
  ["a content cache that there is not", "mount", "x", () => llb.tmpfs("/t", { contentCache: "x" as "on" })],
  ["a cache without id", "mount", "", () => llb.cache("/c", { id: "" })],
  ["a size below 0", "mount", -1, () => llb.tmpfs("/t", { sizeBytes: -1 })],
  ["a secret without id", "secret", {}, () => llb.secret("")],
  ["a secret variable without name", "secret", { env: "" }, () => llb.secret("id", { env: "" })],
  ["a secret's user below 0", "secret", -1, () => llb.secret("id", { uid: -1 })],
  ["a socket's mode with a fraction", "secret", 0.5, () => llb.ssh({ mode: 0.5 })],
  [
    "two mounts on one target",
    "mount-target",
    "/m",
    () => alpine.run(["x"], { mounts: [llb.cache("/m"), llb.tmpfs("/m")] }),
  ],
  ["a mount on the root", "mount-target", "/", () => alpine.exec(["x"], { mounts: { "/": alpine } })],
  ["an exit code beyond 32 bits", "setting", 2 ** 31, () => alpine.run(["x"], { validExitCodes: [2 ** 31] })],
  ["an address that is none", "setting", "10.0.0", () => alpine.extraHost("db", "10.0.0")],
  ["a limit with a fraction", "setting", 1.5, () => alpine.ulimit({ name: "cpu", soft: 1.5, hard: 2 })],
  [
    "a limit beyond 64 bits",
    "setting",
    2n ** 63n,
    () => alpine.ulimit({ name: "cpu", soft: 2n ** 63n, hard: 0 }),
  ],
  [
    "a resource that is no number",
    "setting",
    Number.NaN,
    () => alpine.run(["x"], { resources: { memoryBytes: Number.NaN } }),
  ],
  ["a size with a fraction", "setting", 0.5, () => llb.tmpfs("/t", { sizeBytes: 0.5 })],
  ["an unknown network", "setting", "bridge", () => alpine.network("bridge" as never)],
  [
    "an unknown security mode",
    "setting",
    "privileged",
    () => alpine.run(["x"], { security: "privileged" as never }),
  ],
  ["no file action", "file-action", [], () => alpine.file([])],
  ["a file action that is null", "file-action", null, () => alpine.file(null as never)],
  ["a copy from nothing", "file-action", null, () => llb.copy(null as never, "/a", "/b")],
  ["a sticky directory", "file-action", 0o1777, () => llb.mkdir("/tmp", { mode: 0o1777 })],
  [
    "the mode of a whole stat",
    "file-action",
    0o100644,
    () => llb.copy(alpine, "/a", "/b", { mode: 0o100644 }),
  ],
  ["an owner below 0", "file-action", -1, () => llb.mkdir("/a", { owner: { user: -1 } })],
  [
    "a date that is none",
    "file-action",
    new Date(Number.NaN),
    () => llb.mkfile("/a", "", { createdAt: new Date("?") }),
  ],
  [
    "a date too early to be written",
    "file-action",
    new Date("0001-01-01"),
    () => llb.mkdir("/a", { createdAt: new Date("0001-01-01") }),
  ],
  [
    "a time too late to be written",
    "file-action",
    2n ** 63n,
    () => llb.copy(alpine, "/a", "/b", { createdAt: 2n ** 63n }),
  ],
  ["file text without UTF-8 form", "text", lone, () => llb.mkfile("/a", lone)],
  ["staged files without actions", "file-action", [], () => llb.staged(alpine, [])],
  ["an image config that is not JSON", "image-config", "{", () => alpine.imageConfig("{")],
  ["an image config that is a list", "image-config", "[]", () => alpine.imageConfig("[]")],
  [
    "variables that are no texts",
    "image-config",
    `{"config":{"Env":[1]}}`,
    () => alpine.imageConfig(`{"config":{"Env":[1]}}`),
  ],
  ["JSON of another form", "json", "{}", () => llb.fromJSON("{}")],
];

describe("what is wrong is refused at the call", () => {
  it.each(atTheCall)("%s: %s", (_, reason, value, act) => {
    const error = thrownBy(act);
    expect(error).toMatchObject({ name: "LlbError", code: "ERR_BUILDKIT_LLB", reason, value });
    expect(BuildkitError.is(error)).toBe(true);
    expect(error.callSite[0]).toContain("errors.test.ts");
    expect(error.message).toContain(error.callSite[0]);
  });
});

describe("a text without UTF-8 form is refused wherever there is a text", () => {
  const run = (options: llb.RunOptions) => alpine.run(["x"], options);
  it.each<readonly [what: string, act: () => unknown]>([
    ["an argument", () => alpine.run([lone])],
    ["a variable's name", () => alpine.env(lone, "1")],
    ["a variable's value", () => alpine.env({ A: lone })],
    ["a directory", () => alpine.dir(lone)],
    ["a user", () => alpine.user(lone)],
    ["a host name", () => alpine.hostname(lone)],
    ["a host", () => alpine.extraHost(lone, "10.0.0.1")],
    ["a limit", () => alpine.ulimit({ name: lone, soft: 1, hard: 1 })],
    ["a control group", () => alpine.cgroupParent(lone)],
    ["a platform", () => alpine.platform({ os: "linux", architecture: "amd64", osFeatures: [lone] })],
    ["an image's variable", () => alpine.imageConfig({ config: { Env: [lone] } })],
    ["a command's variable", () => run({ env: { A: lone } })],
    ["a command's directory", () => run({ dir: lone })],
    ["a proxy", () => run({ proxy: { no: lone } })],
    ["a device", () => run({ devices: [lone] })],
    ["a bind mount's target", () => llb.bind(lone, alpine)],
    ["a mount's target", () => run({ mounts: { [lone]: alpine } })],
    ["a mount's path", () => llb.bind("/m", alpine, { path: lone })],
    ["a cache's id", () => llb.cache("/m", { id: lone })],
    ["a secret", () => llb.secret(lone)],
    ["a secret's variable", () => llb.secret("id", { env: lone })],
    ["a socket's target", () => llb.ssh({ target: lone })],
    ["a directory to make", () => llb.mkdir(lone)],
    ["a file's path", () => llb.mkfile(lone, "")],
    ["a file's content", () => llb.mkfile("/a", lone)],
    ["what a link holds", () => llb.symlink(lone, "/a")],
    ["what is removed", () => llb.rm(lone)],
    ["what is copied", () => llb.copy(alpine, lone, "/a")],
    ["a pattern", () => llb.copy(alpine, "/a", "/b", { exclude: ["a", lone] })],
    ["a change of modes", () => llb.copy(alpine, "/a", "/b", { mode: lone })],
    ["an owner", () => llb.mkdir("/a", { owner: { group: lone } })],
    ["a source's name", () => llb.local(lone)],
    ["a source's attribute", () => llb.git("h/r", { checksum: lone })],
    ["a step's name", () => run({ name: lone })],
    ["a note", () => run({ description: { [lone]: "" } })],
    ["a filter", () => run({ require: [lone] })],
    ["a group of steps", () => run({ progressGroup: { id: lone } })],
    ["processors", () => run({ resources: { cpusetCpus: lone } })],
    ["a unique id", () => llb.local("a", { localUniqueId: lone })],
    ["a unique id of the graph", () => llb.marshal(alpine, { ...options, localUniqueId: lone })],
    ["a definition's file", () => alpine.build({ filename: lone })],
    ["a gate", () => alpine.requires({ id: lone, after: [alpine] })],
    ["a passthrough", () => llb.passthrough(lone, [{ state: alpine, output: true }])],
    ["a source file", () => llb.sourceMap({ filename: lone, data: "" })],
  ])("%s", (_, act) => {
    const error = thrownBy(act);
    expect(error).toMatchObject({ reason: "text", value: expect.stringContaining(lone) });
    expect(error.message).toContain("surrogate");
    expect(error.callSite[0]).toContain("errors.test.ts");
  });

  it("and so is what is no text", () => {
    const error = thrownBy(() => alpine.run(["sleep", 1 as never]));
    expect(error).toMatchObject({ reason: "text", value: 1 });
    expect(error.callSite[0]).toContain("errors.test.ts");
  });

  it("even in a definition that was made by hand", () => {
    const definition = llb.Definition.fromWire({
      def: [Uint8Array.of(0)],
      metadata: new Map([["sha256:", { description: new Map([["a", lone]]) }]]),
    });
    expect(thrownBy(() => definition.toBytes())).toMatchObject({ reason: "text", value: lone });
  });
});

describe("what can be found out only once a state has been resolved says where it was written", () => {
  const open = llb.scratch().async((state) => state);
  const cases: readonly Case[] = [
    ["two mounts on one target", "mount-target", "/m", () => open.run(["x"], { mounts: mountedTwice })],
    ["a build of nothing", "inputs", open, () => open.build()],
    ["a gate of nothing", "inputs", expect.anything(), () => open.requires({ id: "a", after: [open] })],
    [
      "a passthrough of nothing",
      "inputs",
      expect.anything(),
      () => llb.passthrough("a", [{ state: open }]).output(0),
    ],
    [
      "an output that is not there",
      "inputs",
      7,
      () => llb.passthrough("a", [{ state: alpine, output: true }, { state: open }]).output(7),
    ],
  ];
  const mountedTwice = [llb.cache("/m"), llb.tmpfs("/m")];

  it.each(cases)("%s: %s", async (_, reason, value, act) => {
    const state = act() as llb.State;
    await expect(llb.resolve(state, options)).rejects.toMatchObject({
      reason,
      value,
      callSite: expect.arrayContaining([expect.stringContaining("errors.test.ts")]),
    });
  });

  it("unless call sites are switched off; what is found at once knows its place either way", async () => {
    llb.captureCallSites(false);
    try {
      const state = open.build();
      await expect(llb.resolve(state, options)).rejects.toMatchObject({ reason: "inputs", callSite: [] });
      expect(thrownBy(() => llb.image("A")).callSite[0]).toContain("errors.test.ts");
    } finally {
      llb.captureCallSites(true);
    }
  });

  it("and is not reached by lists that change meanwhile", async () => {
    const args = ["echo"];
    const actions = [llb.mkdir("/a")];
    const layers = [open, alpine, llb.image("busybox")];
    const states = [open.run(args), open.file(actions), llb.merge(layers)];
    args.push("changed");
    actions.push(llb.mkdir("/b"));
    layers.pop();
    const digests = await Promise.all(
      states.map(async (state) => marshalled(await llb.resolve(state, options)).head),
    );
    const closed = llb.scratch();
    expect(digests).toEqual(
      [
        closed.run(["echo"]),
        closed.file(llb.mkdir("/a")),
        llb.merge([closed, alpine, llb.image("busybox")]),
      ].map((state) => marshalled(state).head),
    );
  });

  it("leaves the limit of frames as it was", () => {
    const before = Error.stackTraceLimit;
    Error.stackTraceLimit = 33;
    open.build();
    expect(() => llb.image("A")).toThrow();
    expect(Error.stackTraceLimit).toBe(33);
    Error.stackTraceLimit = before;
  });
});

describe("graphs without the inputs that they need", () => {
  const scratch = llb.scratch();
  it.each<Case>([
    ["build", "inputs", scratch, () => scratch.build()],
    [
      "requires without an id",
      "inputs",
      expect.anything(),
      () => alpine.requires({ id: "", after: [alpine] }),
    ],
    ["passthrough without inputs", "inputs", expect.anything(), () => llb.passthrough("id", [])],
    [
      "passthrough without outputs",
      "inputs",
      expect.anything(),
      () => llb.passthrough("id", [{ state: alpine }]),
    ],
    [
      "an output that is not there",
      "inputs",
      1,
      () =>
        llb
          .passthrough("id", [
            { state: alpine, output: true },
            { state: scratch, output: true },
          ])
          .output(1),
    ],
  ])("%s", (_, reason, value, act) => {
    expect(thrownBy(act)).toMatchObject({ reason, value });
  });
});

describe("states that wait for something", () => {
  const open = llb.image("alpine", { resolve: "config" });
  it("are not marshalled, and have no settings yet", () => {
    expect(open.isOpen).toBe(true);
    expect(thrownBy(() => llb.marshal(open, options)).reason).toBe("unresolved");
    expect(thrownBy(() => open.env("A", "1").settings).reason).toBe("unresolved");
  });

  it("need a resolver", async () => {
    await expect(llb.resolve(open, options)).rejects.toMatchObject({
      reason: "resolve",
      value: "alpine",
      callSite: expect.arrayContaining([expect.stringContaining("errors.test.ts")]),
    });
  });
});

it("a source file's own graph is marshalled with the rest, and fails with it", () => {
  const map = llb.sourceMap({ filename: "f", data: "", state: llb.image("alpine", { resolve: "config" }) });
  const state = alpine.run(["x"], { locations: [map.location()] });
  expect(thrownBy(() => marshalled(state)).reason).toBe("unresolved");
});

describe("definitions that do not hang together", () => {
  const whole = marshalled(alpine.run(["x"]));
  const { def = [], metadata = new Map() } = whole.toWire();
  it.each([
    ["empty", {}],
    ["without the op that names the output", { def: def.slice(0, 1), metadata }],
    ["without an op that is read", { def: def.slice(1), metadata }],
    ["without metadata", { def }],
    ["with bytes that are no op", { def: [Uint8Array.of(0xff)], metadata }],
    [
      "with a location in a file that is not there",
      {
        def,
        metadata,
        source: { locations: new Map([[whole.head ?? "", { locations: [{ sourceIndex: 3 }] }]]) },
      },
    ],
  ])("%s", (_, wire) => {
    expect(thrownBy(() => llb.fromDefinition(llb.Definition.fromWire(wire))).reason).toBe("definition");
  });

  it("bytes that are no definition", () => {
    for (const bytes of [
      [0x0a, 0x05, 0x01],
      [0xff],
      [0x0f],
      [0x08, ...Array<number>(11).fill(0x80)],
      [0x12, 0x02, 0x0a, 0x05],
    ]) {
      expect(thrownBy(() => llb.Definition.fromBytes(Uint8Array.from(bytes))).reason).toBe("definition");
    }
  });

  it("JSON that was edited", () => {
    const text = JSON.stringify(llb.toJSON(whole));
    expect(thrownBy(() => llb.fromJSON(text.replace('"args":["x"]', '"args":["y"]'))).message).toContain(
      "digest",
    );
    expect(thrownBy(() => llb.fromJSON(text.replace('"args"', '"arguments"'))).message).toContain(
      "arguments",
    );
    expect(thrownBy(() => llb.fromJSON(text.slice(1))).reason).toBe("json");
  });
});
