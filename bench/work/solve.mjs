// One solve of a small graph in a process of its own. Argument: the daemon's address. Runs on the built packages.
import { connect, llb } from "buildkit-node";

// Node 20 knows no `await using`, and this file is not compiled.
const client = await connect(process.argv[2]);
try {
  await client.solve(llb.scratch().file(llb.mkfile("/file", "bench")), { platform: "linux/amd64" });
} finally {
  await client.close();
}
