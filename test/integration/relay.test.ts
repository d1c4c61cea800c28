import { once } from "node:events";
import { connect } from "node:http2";
import { createDialer, parseAddress } from "@buildkit-node/transport";
import { it } from "vitest";
import { describeEachWay } from "../support/ways.ts";

describeEachWay("a daemon's socket", (way) => {
  it("serves 200 clients in a row, each of which writes before it can have been answered", async () => {
    const dialer = await createDialer(parseAddress(way.address));
    for (let client = 0; client < 200; client++) {
      const pipe = await dialer.dial();
      // Node sends its preface and settings as soon as it has the pipe, which is before a relay has dialed.
      const session = connect("http://localhost", { createConnection: () => pipe });
      await once(session, "remoteSettings");
      session.destroy();
    }
  });
});
