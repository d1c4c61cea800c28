// Tells all about an image, as the daemon sees its registry: inspect-image.ts [--platform OS/ARCH] IMAGE
import { parseArgs } from "node:util";
import { connect } from "buildkit-node";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { platform: { type: "string" } },
});
const [ref] = positionals;
if (ref === undefined) throw new Error("give an image, such as alpine:3.20");

await using client = await connect();
const image = await client.resolveImageConfig(ref, {
  ...(values.platform !== undefined && { platform: values.platform }),
});

console.log(`${image.ref}\n  ${image.digest}`);
for (const { platform, digest } of image.platforms) {
  console.log(`  ${platform.os}/${platform.architecture}  ${digest}`);
}
const { Env = [], Entrypoint = [], Cmd = [], WorkingDir = "/" } = image.config.config ?? {};
console.log(`Runs ${JSON.stringify([...(Entrypoint ?? []), ...(Cmd ?? [])])} in ${WorkingDir}`);
for (const variable of Env ?? []) console.log(`  ${variable}`);
const bytes = image.layers.reduce((sum, { size }) => sum + size, 0);
console.log(`${image.layers.length} layers, ${bytes} bytes`);
for (const warning of image.warnings) console.log(`Warning: ${warning}`);
if (image.incomplete !== undefined) console.log(`No manifest: ${image.incomplete}`);
