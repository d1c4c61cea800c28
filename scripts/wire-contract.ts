// The names and numbers that two peers of the protocol must agree on, as text.
//
//   tsx scripts/wire-contract.ts              fails when proto/ does not keep to proto/contract.txt
//   tsx scripts/wire-contract.ts IMAGE        prints the contract of a compiled image, e.g. of BuildKit's own sources
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import {
  createFileRegistry,
  type DescEnum,
  type DescField,
  type DescMessage,
  type DescService,
  fromBinary,
  ScalarType,
} from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const contract = path.join(root, "proto", "contract.txt");

const image = process.argv[2];
if (image === undefined) check();
else process.stdout.write(contractOf(readFileSync(image)));

function check(): void {
  const { error, status, stdout } = spawnSync("buf", ["build", "--exclude-source-info", "--output", "-"], {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (error) throw error;
  if (status !== 0) throw new Error(`buf build failed (${status})`);
  const agreed = readFileSync(contract, "utf8").split("\n");
  const ours = contractOf(stdout).split("\n");
  const broken = [...missing(agreed, ours, "-"), ...missing(ours, agreed, "+")];
  if (broken.length === 0) {
    console.log("proto/ keeps to proto/contract.txt");
    return;
  }
  console.error(`proto/ does not keep to proto/contract.txt:\n  ${broken.join("\n  ")}`);
  console.error("Mend the sources. If it is BuildKit that has changed, see proto/README.md.");
  process.exitCode = 1;
}

function missing(from: readonly string[], among: readonly string[], sign: string): string[] {
  const known = new Set(among);
  return from.filter((line) => !known.has(line)).map((line) => `${sign} ${line}`);
}

/** One line for each field, enum value and method; sorted, so that the order in the sources does not matter. */
function contractOf(compiled: Uint8Array): string {
  const lines: string[] = [];
  for (const type of createFileRegistry(fromBinary(FileDescriptorSetSchema, compiled))) {
    if (type.kind === "extension" || type.file.proto.package === "google.protobuf") continue;
    lines.push(...membersOf(type).map((member) => `${type.typeName}.${member}`));
  }
  return `${lines.sort().join("\n")}\n`;
}

function membersOf(type: DescMessage | DescEnum | DescService): string[] {
  switch (type.kind) {
    case "message":
      return type.fields.map((field) => `${field.name} = ${field.number}: ${typeOf(field)}${groupOf(field)}`);
    case "enum":
      return type.values.map((value) => `${value.name} = ${value.number}`);
    case "service":
      return type.methods.map(
        (method) =>
          `${method.name}: ${method.methodKind} ${method.input.typeName} -> ${method.output.typeName}`,
      );
  }
}

function typeOf(field: DescField): string {
  if (field.fieldKind === "list") return `repeated ${field.packed ? "packed " : ""}${elementOf(field)}`;
  if (field.fieldKind === "map") return `map<${ScalarType[field.mapKey].toLowerCase()}, ${elementOf(field)}>`;
  return elementOf(field);
}

function elementOf(field: DescField): string {
  return field.scalar ? ScalarType[field.scalar].toLowerCase() : (field.message ?? field.enum).typeName;
}

function groupOf(field: DescField): string {
  return field.oneof ? `, oneof ${field.oneof.name}` : "";
}
