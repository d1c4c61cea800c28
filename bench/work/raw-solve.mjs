// What solve.mjs does, by `node:http2` alone. Arguments: the daemon's address, the serialised definition in base64.
import { openRaw, rawBuild } from "./raw-build.mjs";

const [address, definition] = process.argv.slice(2);
const session = openRaw(address);
await rawBuild(session, Buffer.from(definition, "base64"));
session.destroy();
