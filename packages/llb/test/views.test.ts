import * as llb from "@buildkit-node/llb";
import { describe, expect, it } from "vitest";
import { marshalled } from "./support/graphs.ts";

function graph({ args = ["npm", "ci"], ref = "node:22" } = {}): llb.Definition {
  const source = llb.local("context", { exclude: ["node_modules"] });
  const app = llb
    .image(ref)
    .dir("/app")
    .file(llb.copy(source, "package*.json", "./", { wildcard: true }))
    .run(args, {
      mounts: [llb.cache("/root/.npm"), llb.bind("/src", source, { readonly: true })],
      name: 'install "all"',
    })
    .file([llb.mkfile("note", "hi\n"), llb.mkfile("raw", Uint8Array.of(0, 255)), llb.rm("/tmp/x")]);
  return marshalled(app);
}

describe("toDot", () => {
  it("draws what is read as pointing to what reads it", () => {
    expect(llb.toDot(graph())).toMatchInlineSnapshot(`
      "digraph llb {
        n0 [shape=ellipse, label="docker-image://docker.io/library/node:22"];
        n1 [shape=ellipse, label="local://context"];
        n2 [shape=note, label="copy /package*.json /app/"];
        n3 [shape=box, label="install \\"all\\""];
        n4 [shape=note, label="mkfile /app/note, mkfile /app/raw, rm /tmp/x"];
        n5 [shape=doublecircle, label="output"];
        n0 -> n2;
        n1 -> n2;
        n2 -> n3;
        n1 -> n3 [label="/src"];
        n3 -> n4;
        n4 -> n5;
      }
      "
    `);
  });

  it("cuts labels", () => {
    expect(llb.toDot(graph(), { maxLabelLength: 5 })).toContain('label="dock…"');
  });
});

describe("toMermaid", () => {
  it("draws the same", () => {
    expect(llb.toMermaid(graph())).toMatchInlineSnapshot(`
      "flowchart TD
        n0(["docker-image://docker.io/library/node:22"])
        n1(["local://context"])
        n2[/"copy /package*.json /app/"/]
        n3["install #34;all#34;"]
        n4[/"mkfile /app/note, mkfile /app/raw, rm /tmp/x"/]
        n5(("output"))
        n0 --> n2
        n1 --> n2
        n2 --> n3
        n1 -->|"/src"| n3
        n3 --> n4
        n4 --> n5
      "
    `);
  });
});

describe("toJSON", () => {
  it("is readable", () => {
    expect(llb.toJSON(graph())).toMatchInlineSnapshot(`
      {
        "files": [],
        "vertices": [
          {
            "digest": "sha256:1f54391178c87f9a9821beb2cea59d890a376c99311bb2eced96ee65bb808968",
            "locations": [],
            "metadata": {
              "caps": [
                "source.image",
              ],
            },
            "op": {
              "constraints": {},
              "platform": {
                "architecture": "amd64",
                "os": "linux",
              },
              "source": {
                "identifier": "docker-image://docker.io/library/node:22",
              },
            },
          },
          {
            "digest": "sha256:fa1c4bb73f7ad6762bc9520f30481dd09859beb86aaf336a880ea2206e76e63b",
            "locations": [],
            "metadata": {
              "caps": [
                "source.local",
                "source.local.excludepatterns",
                "source.local.unique",
              ],
            },
            "op": {
              "constraints": {},
              "source": {
                "attrs": {
                  "local.excludepatterns": "["node_modules"]",
                  "local.unique": "unique",
                },
                "identifier": "local://context",
              },
            },
          },
          {
            "digest": "sha256:f3f915ab27b3a1418bb0a4742a7918b5fcb01568107335423df25830667a718a",
            "locations": [],
            "metadata": {
              "caps": [
                "file.base",
              ],
            },
            "op": {
              "constraints": {},
              "file": {
                "actions": [
                  {
                    "copy": {
                      "dest": "/app/",
                      "mode": -1,
                      "src": "/package*.json",
                      "timestamp": -1,
                      "wildcard": true,
                    },
                    "secondaryInput": 1,
                  },
                ],
              },
              "inputs": [
                {
                  "digest": "sha256:1f54391178c87f9a9821beb2cea59d890a376c99311bb2eced96ee65bb808968",
                },
                {
                  "digest": "sha256:fa1c4bb73f7ad6762bc9520f30481dd09859beb86aaf336a880ea2206e76e63b",
                },
              ],
            },
          },
          {
            "digest": "sha256:f9742d64ff579924f462104282b1fadd3d943c62d8162e031d501cfa55122dd6",
            "locations": [],
            "metadata": {
              "caps": [
                "exec.meta.base",
                "exec.mount.bind",
                "exec.mount.cache",
                "exec.mount.cache.sharing",
              ],
              "description": {
                "llb.customname": "install "all"",
              },
            },
            "op": {
              "constraints": {},
              "exec": {
                "meta": {
                  "args": [
                    "npm",
                    "ci",
                  ],
                  "cwd": "/app",
                  "removeMountStubsRecursive": true,
                },
                "mounts": [
                  {
                    "target": "/",
                  },
                  {
                    "cache": {
                      "id": "/root/.npm",
                    },
                    "input": -1,
                    "output": -1,
                    "target": "/root/.npm",
                    "type": "cache",
                  },
                  {
                    "input": 1,
                    "output": -1,
                    "readonly": true,
                    "target": "/src",
                  },
                ],
              },
              "inputs": [
                {
                  "digest": "sha256:f3f915ab27b3a1418bb0a4742a7918b5fcb01568107335423df25830667a718a",
                },
                {
                  "digest": "sha256:fa1c4bb73f7ad6762bc9520f30481dd09859beb86aaf336a880ea2206e76e63b",
                },
              ],
              "platform": {
                "architecture": "amd64",
                "os": "linux",
              },
            },
          },
          {
            "digest": "sha256:4e7fa8c46c741d81c2f2111e50b7d54a35f9f7ec0ae0f0cb991666d232fb29de",
            "locations": [],
            "metadata": {
              "caps": [
                "file.base",
              ],
            },
            "op": {
              "constraints": {},
              "file": {
                "actions": [
                  {
                    "mkfile": {
                      "data": {
                        "text": "hi
      ",
                      },
                      "mode": 420,
                      "path": "/app/note",
                      "timestamp": -1,
                    },
                    "output": -1,
                    "secondaryInput": -1,
                  },
                  {
                    "input": 1,
                    "mkfile": {
                      "data": {
                        "base64": "AP8=",
                      },
                      "mode": 420,
                      "path": "/app/raw",
                      "timestamp": -1,
                    },
                    "output": -1,
                    "secondaryInput": -1,
                  },
                  {
                    "input": 2,
                    "rm": {
                      "path": "/tmp/x",
                    },
                    "secondaryInput": -1,
                  },
                ],
              },
              "inputs": [
                {
                  "digest": "sha256:f9742d64ff579924f462104282b1fadd3d943c62d8162e031d501cfa55122dd6",
                },
              ],
            },
          },
          {
            "digest": "sha256:391bb8a1a42ab15bff526f8cf4998d4511acb351eafa062fc0c7469842b86d84",
            "metadata": {
              "caps": [
                "constraints",
                "meta.description",
                "platform",
              ],
            },
            "op": {
              "inputs": [
                {
                  "digest": "sha256:4e7fa8c46c741d81c2f2111e50b7d54a35f9f7ec0ae0f0cb991666d232fb29de",
                },
              ],
            },
          },
        ],
      }
    `);
  });

  it("keeps the bytes of ops that it would write otherwise", () => {
    const unknown = Uint8Array.of(0xfa, 0x3e, 0x01, 0x41);
    const definition = llb.Definition.fromWire({ def: [unknown], metadata: new Map() });
    const json = llb.toJSON(definition);
    expect(json["vertices"]).toEqual([{ digest: definition.digest, op: {}, bytes: "+j4BQQ==" }]);
    expect(llb.fromJSON(json).ops).toEqual([unknown]);
  });
});

it("an entry of a map without its value has an empty one", () => {
  // SourceOp{identifier: "x", attrs: {"k": }}, as encoders write it that leave out what is empty.
  const bytes = Uint8Array.of(0x1a, 8, 0x0a, 1, 0x78, 0x12, 3, 0x0a, 1, 0x6b);
  const definition = llb.Definition.fromWire({ def: [bytes], metadata: new Map() });
  expect(definition.vertices[0]?.op.source?.attrs).toEqual(new Map([["k", ""]]));
});

describe("diffDefinitions", () => {
  it("names the field that changed, and what rests on it", () => {
    const { vertices, isEmpty } = llb.diffDefinitions(graph(), graph({ args: ["npm", "install"] }));
    expect(isEmpty).toBe(false);
    expect(vertices).toMatchObject([
      {
        kind: "changed",
        before: { label: 'install "all"' },
        isOwnChange: true,
        fields: [{ path: "op.exec.meta.args[1]", before: "ci", after: "install" }],
      },
      {
        kind: "changed",
        after: { label: "mkfile /app/note, mkfile /app/raw, rm /tmp/x" },
        isOwnChange: false,
        fields: [],
      },
      { kind: "changed", after: { label: "output" }, isOwnChange: false },
    ]);
  });

  it("begins with what changed first", () => {
    const [first] = llb.diffDefinitions(graph(), graph({ ref: "node:24" })).vertices;
    expect(first).toMatchObject({
      kind: "changed",
      isOwnChange: true,
      fields: [
        {
          path: "op.source.identifier",
          before: "docker-image://docker.io/library/node:22",
          after: "docker-image://docker.io/library/node:24",
        },
      ],
    });
  });

  it("finds metadata that differ, which do not touch the cache", () => {
    const state = llb.image("alpine");
    const diff = llb.diffDefinitions(
      marshalled(state.run(["x"])),
      marshalled(state.run(["x"], { ignoreCache: true })),
    );
    expect(diff.vertices).toMatchObject([
      { kind: "changed", isOwnChange: false, fields: [{ path: "metadata.ignoreCache", after: true }] },
      { kind: "changed", fields: [{ path: "metadata.needs.meta.ignorecache", after: true }] },
    ]);
  });

  it("tells what was added and removed", () => {
    const state = llb.image("alpine").run(["x"]);
    const longer = state.run(["y"], { mounts: [llb.bind("/m", llb.image("busybox"))] });
    const kinds = (diff: llb.DefinitionDiff) =>
      diff.vertices.map(
        (vertex) => `${vertex.kind} ${("after" in vertex ? vertex.after : vertex.before).label}`,
      );
    expect(kinds(llb.diffDefinitions(marshalled(state), marshalled(longer)))).toMatchInlineSnapshot(`
      [
        "added docker-image://docker.io/library/busybox:latest",
        "added y",
        "changed output",
      ]
    `);
    expect(kinds(llb.diffDefinitions(marshalled(longer), marshalled(state)))).toMatchInlineSnapshot(`
      [
        "removed docker-image://docker.io/library/busybox:latest",
        "removed y",
        "changed output",
      ]
    `);
  });
});
