// Builds a Dockerfile with what `docker build` has, into an archive of an image:
//
//   dockerfile.ts [--target STAGE] [--arg NAME=VALUE]... [--platform OS/ARCH]... [--secret ID=FILE]... [--ssh default]
//                 [--provenance] [--name NAME] [--out image.tar] CONTEXT
import { parseArgs } from "node:util";
import { connect, display, oci } from "buildkit-node";

const several = { type: "string", multiple: true, default: [] as string[] } as const;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    target: { type: "string" },
    arg: several,
    platform: several,
    secret: several,
    ssh: several,
    provenance: { type: "boolean", default: false },
    name: { type: "string", default: "example:dev" },
    out: { type: "string", default: "image.tar" },
  },
});

/** `NAME=VALUE`s as an object. */
function pairs(texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    texts.map((text) => {
      const at = text.indexOf("=");
      if (at < 1) throw new Error(`"${text}" is not NAME=VALUE`);
      return [text.slice(0, at), text.slice(at + 1)];
    }),
  );
}

const secrets = Object.entries(pairs(values.secret)).map(([id, file]) => [id, { file }] as const);

await using client = await connect();
const { exports } = await client.solveDockerfile({
  context: positionals[0] ?? ".",
  ...(values.target !== undefined && { target: values.target }),
  args: pairs(values.arg),
  platforms: values.platform,
  secrets: Object.fromEntries(secrets),
  ssh: values.ssh,
  ...(values.provenance && { attest: { provenance: { mode: "max" } } }),
  exports: [oci({ dest: values.out, name: values.name })],
  progress: display("auto"),
});
console.log(`${exports[0].digest} in ${values.out}`);
