import { type Client, connect } from "@buildkit-node/control";
import { BuildkitError, type InvalidArgumentError, SolveError } from "@buildkit-node/core";
import { type Exporter, image as imageExporter, local, tar } from "@buildkit-node/exporters";
import { Definition, mkfile, scratch } from "@buildkit-node/llb";
import { StatusError } from "@buildkit-node/transport";
import { expect, it } from "vitest";
import { startEngine } from "../../scripts/debian/engines.ts";
import { shell, toolsDirectory, toolsRoot, workDirectory } from "../support/tools.ts";
import { describeDestructive, describeEachDaemon } from "../support/ways.ts";

const graph = () => scratch().file(mkfile("/file", `${Math.random()}`));

interface BadInput {
  readonly name: string;
  readonly run: (client: Client) => Promise<unknown>;
  readonly says: RegExp;
  /** The argument that is wrong, for what is found before anything is sent. */
  readonly argument?: string;
  /** What the daemon's answer came as. */
  readonly cause?: typeof SolveError | typeof StatusError;
}

/** An exporter that no release has. */
const unknownExporter: Exporter<void> = {
  name: "tape",
  prepare: async () => ({
    request: { type: "tape", attrs: {} },
    finish: async () => {},
    discard: async () => {},
  }),
};

const inputs: readonly BadInput[] = [
  {
    name: "an unknown entitlement",
    run: (client) => client.solve(graph(), { entitlements: ["network.everything"] }),
    says: /unknown entitlement network\.everything/,
    cause: SolveError,
  },
  {
    name: "a frontend that does not exist",
    run: (client) => client.solve({ frontend: "makefile.v0" }),
    says: /makefile\.v0/,
    cause: SolveError,
  },
  {
    name: "an exporter that does not exist",
    run: (client) => client.solve(graph(), { exports: [unknownExporter] }),
    says: /exporter "tape" could not be found/,
    cause: SolveError,
  },
  {
    name: "exporters that would write over each other",
    run: (client) =>
      client.solve(graph(), { exports: [tar({ dest: "/nowhere/a" }), local({ dest: "/nowhere/a" })] }),
    says: /tar and local both write to \/nowhere\/a: give each a place of its own/,
    argument: "exports",
  },
  {
    name: "a local cache in a directory that loses what is not the result",
    run: (client) =>
      client.solve(graph(), {
        exports: [local({ dest: "/nowhere/a", mode: "delete" })],
        cacheTo: [{ type: "local", dest: "/nowhere/a/cache" }],
      }),
    says: /the local cache cannot write to \/nowhere\/a\/cache: it lies in \/nowhere\/a/,
    argument: "exports",
  },
  {
    name: "a value that an exporter's attribute cannot have",
    run: (client) => {
      const attrs = { compression: "rar" };
      return client.solve(graph(), { exports: [imageExporter({ name: "a/b:c", attrs })] });
    },
    says: /unsupported (layer )?compression( type)?:? "?rar/,
    cause: SolveError,
  },
  {
    name: "a platform and a frontend at once",
    run: (client) => client.solve({ frontend: "dockerfile.v0", platforms: { "linux/amd64": graph() } }),
    says: /both platforms and frontend/,
    argument: "input",
  },
  {
    name: "a definition over 16 MiB",
    run: async (client) => {
      const op = new Uint8Array(17 * 1024 * 1024);
      return client.solve(Definition.fromWire({ def: [op] }));
    },
    says: /17\.8 MB, and BuildKit takes 16 MiB at most: give large contents as a local source/,
    argument: "input",
  },
  {
    name: "filters of the history that are none",
    run: (client) => client.history.list({ filters: ["status=error"] }),
    says: /"?status=error"? is no condition/,
    argument: "filters",
  },
  {
    name: "filters of workers that are none",
    run: (client) => client.listWorkers({ filters: ["id%%x"] }),
    says: /filters: parse error: \[id >\|%\|< %x\]/,
    cause: StatusError,
  },
  {
    name: "filters of the cache that are none",
    run: (client) => client.diskUsage({ filters: ["type%%x"] }),
    says: /filter.*type%%x|type%%x.*filter/,
    cause: StatusError,
  },
  {
    name: "an unknown reference to pin",
    run: (client) => client.history.pin("never-begun"),
    says: /never-begun/,
    cause: StatusError,
  },
  {
    name: "an unknown reference to delete",
    run: (client) => client.history.delete("never-begun-either"),
    says: /never-begun/,
    cause: StatusError,
  },
  {
    name: "an unknown reference to follow",
    run: async (client) => {
      for await (const _update of client.history.updates("never-begun"));
    },
    says: /no such job never-begun/,
    cause: StatusError,
  },
];

describeEachDaemon("bad input", ({ address }) => {
  it.each(inputs)("says what is wrong: $name", async ({ run, says, argument, cause }) => {
    await using client = await connect(address);
    const error: unknown = await run(client).then(
      () => new Error("it succeeded"),
      (thrown: unknown) => thrown,
    );
    expect(BuildkitError.is(error), String(error)).toBe(true);
    expect((error as BuildkitError).message).toMatch(says);
    if (argument !== undefined) {
      expect((error as InvalidArgumentError).argument).toBe(argument);
    }
    if (cause !== undefined) expect(error).toBeInstanceOf(cause);
    // What the daemon said is not lost on the way.
    if (error instanceof SolveError) expect(error.cause).toBeInstanceOf(StatusError);
    // The connection still serves.
    await client.solve(graph());
  });

  it("knows nothing of an unknown reference, and says so", async () => {
    await using client = await connect(address);
    expect(await client.history.get("never-begun")).toBeUndefined();
    expect(await client.history.error("never-begun")).toBeUndefined();
    expect(await client.history.wait("never-begun")).toBeUndefined();
    expect(await client.history.trace("never-begun")).toBeUndefined();
    expect([...(await client.history.provenance("never-begun"))]).toEqual([]);
  });
});

describeDestructive("a daemon that allows no entitlements", () => {
  it("refuses one by name, and says whose it is to allow", async () => {
    await using work = await workDirectory();
    await using engine = await startEngine("testing", { entitlements: [] });
    await using client = await connect(engine.address);
    const locals = { tools: await toolsDirectory(work.path) };
    for (const entitlement of ["network.host", "security.insecure"]) {
      const step = toolsRoot().run(shell("true"), { ignoreCache: true });
      const error: unknown = await client
        .solve(step, { locals, entitlements: [entitlement] })
        .catch((thrown) => thrown);
      expect(error).toBeInstanceOf(SolveError);
      const text = (error as SolveError).format();
      expect(text).toContain(
        `granting entitlement ${entitlement} is not allowed by build daemon configuration`,
      );
      expect(text).toContain(`hint: the daemon's own configuration must allow ${entitlement} first`);
    }
  });
});
