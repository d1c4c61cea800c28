import { readdir, rmdir } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import type { Client } from "@buildkit-node/control";
import { mkdir, mkfile, type State, scratch } from "@buildkit-node/llb";
import { afterAll, beforeAll } from "vitest";
import { describeGraphs, step } from "../../support/graph-cases.ts";
import { shellRoot } from "../../support/test-root.ts";

const everything = () => ({ entitlements: ["network.host", "security.insecure"] });

/** The shell's root with a user to be. */
const users: State = shellRoot
  .run(["/bin/mkdir", "-m", "777", "/tmp"])
  .file([
    mkdir("/etc", { parents: true }),
    mkfile("/etc/passwd", "root:x:0:0::/:\napp:x:1000:1001::/home:\n"),
    mkfile("/etc/group", "staff:x:2000:\n"),
  ]);

/** Who a command is, which `ids` prints. */
const whoIs = (state: State, user?: string) =>
  state.run(["/bin/sh", "-c", "id -u >/tmp/ids; id -g >>/tmp/ids"], user === undefined ? {} : { user });
const ids = "cat tmp/ids";

describeGraphs("run: what a command sees", {
  "args are passed as they are": {
    state: () => shellRoot.run(["/bin/sh", "-c", 'printf "<%s>" "$@" >/said', "sh", "a b", "", "*", "$A"]),
    prints: "<a b><><*><$A>",
  },
  "env, over that of the state": {
    state: () =>
      step('echo "$A $B $C"', { env: { B: "run", C: "run" } }, shellRoot.env({ A: "state", B: "state" })),
    prints: "state run run",
  },
  "env of a run does not hold for the next": {
    state: () => {
      const first = shellRoot.run(["/bin/true"], { env: { A: "first" } });
      return step('echo "[$A]"', {}, first);
    },
    prints: "[]",
  },
  "dir, below that of the state": {
    state: () => step("pwd", { dir: "b" }, shellRoot.dir("/a")),
    prints: "/a/b",
  },
  "user by name, with its group": { state: () => whoIs(users, "app"), look: ids, prints: "1000\n1001" },
  "user and group by name": { state: () => whoIs(users, "app:staff"), look: ids, prints: "1000\n2000" },
  "user and group by id, of the state": { state: () => whoIs(users.user("7:8")), look: ids, prints: "7\n8" },
  "user that nobody is fails": { state: () => whoIs(users, "nemo"), fails: /nemo/ },
  hostname: { state: () => step("hostname", { hostname: "box" }), prints: "box" },
  "hostname of the state": {
    state: () => step("hostname", {}, shellRoot.hostname("shell")),
    prints: "shell",
  },
  "extraHosts, with those of the state": {
    state: () =>
      step(
        "awk '/example/ { print $1, $2 }' /etc/hosts",
        { extraHosts: [{ host: "six.example", ip: "2001:DB8:0::1" }] },
        shellRoot.extraHost("four.example", "192.0.2.1"),
      ),
    prints: "192.0.2.1 four.example\n2001:db8::1 six.example",
  },
  "ulimits, over those of the state": {
    state: () =>
      step(
        "ulimit -Sn; ulimit -Hn; ulimit -Sc",
        { ulimits: [{ name: "nofile", soft: 101, hard: 202 }] },
        shellRoot.ulimit({ name: "core", soft: 0, hard: 0 }),
      ),
    prints: "101\n202\n0",
  },
  "proxy, in small and capital letters": {
    state: () =>
      step("env | grep -i proxy | sort", {
        proxy: { http: "h", https: "s", ftp: "f", no: "n", all: "a" },
      }),
    prints: [
      "ALL_PROXY=a",
      "FTP_PROXY=f",
      "HTTPS_PROXY=s",
      "HTTP_PROXY=h",
      "NO_PROXY=n",
      "all_proxy=a",
      "ftp_proxy=f",
      "http_proxy=h",
      "https_proxy=s",
      "no_proxy=n",
    ].join("\n"),
  },
  "with: anything else of the state, for this run alone": {
    state: () => step("cat /os; pwd", { with: (state) => state.dir("/w").file(mkfile("/os", "mine\n")) }),
    prints: "mine\n/w",
  },
  "PATH is there without having been set": {
    state: () => step("echo $PATH", { with: (state) => state.reset(scratch()) }),
    prints: /^(\/[a-z/]+:)+\/bin$/,
  },
});

describeGraphs("run: what counts as success", {
  "exit code 0": { state: () => shellRoot.run(["/bin/false"]), fails: /exit code: 1/ },
  validExitCodes: { state: () => step("echo before; exit 5", { validExitCodes: [5, 7] }), prints: "before" },
  "validExitCodes without 0": { state: () => step("exit 0", { validExitCodes: [5] }), fails: /exit code: 0/ },
});

const parent = "bk-llb-parent";
/** Daemons leave the group that steps were put into. */
afterAll(async () => {
  const root = "/sys/fs/cgroup";
  const controllers = (await readdir(root).catch(() => [])).map((name) => path.join(root, name));
  for (const place of [root, ...controllers]) {
    for (const group of [path.join(place, parent, "buildkit"), path.join(place, parent)]) {
      await rmdir(group).catch(() => {});
    }
  }
});

const mountSomething = "mount -t tmpfs none /bin 2>/dev/null && echo mounted || echo not permitted";

describeGraphs(
  "run: what a command may do",
  {
    readonlyRoot: {
      state: () => step("touch /new; touch /out/new && echo out", { readonlyRoot: true }),
      prints: /Read-only file system\nout$/,
    },
    "security sandbox": { state: () => step(mountSomething), prints: "not permitted" },
    "security insecure": {
      state: () => step(mountSomething, { security: "insecure" }),
      prints: "mounted",
    },
    "security insecure, of the state": {
      state: () => step(mountSomething, {}, shellRoot.security("insecure")),
      prints: "mounted",
    },
    cgroupParent: {
      state: () => step("cat /proc/self/cgroup", { cgroupParent: parent }),
      // A step with a cgroup namespace of its own does not see what is above.
      prints: /:\/bk-llb-parent\/|^0::\/$/m,
    },
  },
  { solve: everything },
);

describeGraphs("run: what needs an entitlement", {
  "security insecure": { state: () => step("true", { security: "insecure" }), fails: /security\.insecure/ },
  "network host": { state: () => step("true", { network: "host" }), fails: /network\.host/ },
});

let server: Server;
beforeAll(async () => {
  server = createServer((_, response) => response.end("hello\n"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterAll(() => server.close());

describeGraphs(
  "run: whom a command can talk to",
  {
    "network none: nobody": {
      state: () =>
        step("ls /sys/class/net; wget -q -O - http://127.0.0.1:1 || echo nobody", { network: "none" }),
      prints: /^lo\n.*\nnobody$/s,
    },
    "network host: this machine": {
      state: () => step(fetch(), { network: "host" }),
      prints: "hello",
    },
    "network of the state": {
      state: () => step(fetch(), {}, shellRoot.network("host")),
      prints: "hello",
    },
    "network sandbox, over that of the state": {
      state: () => step("echo ran", { network: "sandbox" }, shellRoot.network("none")),
      prints: "ran",
    },
  },
  { solve: everything },
);

function fetch(): string {
  const { port } = server.address() as AddressInfo;
  return `wget -q -O - http://127.0.0.1:${port}`;
}

/** What cgroups say, in version 2 or 1. */
const cgroup = (second: string, first: string) => `{ cat ${second} 2>/dev/null || cat ${first}; }`;

describeGraphs("run: resources", {
  memory: {
    state: () =>
      step(`cd /sys/fs/cgroup; ${cgroup("memory.max", "memory/memory.limit_in_bytes")}`, {
        resources: { memoryBytes: 64 * 2 ** 20, memorySwapBytes: 64 * 2 ** 20 },
      }),
    prints: "67108864",
  },
  "processor time": {
    state: () =>
      step(`cd /sys/fs/cgroup; ${cgroup("cpu.max", "cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us")}`, {
        resources: { cpuQuotaUs: 50_000, cpuPeriodUs: 100_000 },
      }),
    prints: /^50000\s100000$/,
  },
  "processors, memory nodes and weight": {
    state: () =>
      step(
        `cd /sys/fs/cgroup; ${cgroup("cpuset.cpus cpuset.mems cpu.weight", "cpuset/cpuset.cpus cpuset/cpuset.mems cpu/cpu.shares")}`,
        {
          resources: { cpusetCpus: "0", cpusetMems: "0", cpuShares: 512 },
        },
      ),
    prints: /^0\n0\n(512|\d+)$/,
  },
});

/** A device as tests know it: it sets a variable. Daemons without devices are not asked, as asking crashes some of them. */
const device = "buildkit-node.example/test=env";
const lacks = async (client: Client) => {
  const devices = (await client.listWorkers()).flatMap((worker) => worker.devices ?? []);
  return devices.some(({ name }) => name === device) ? undefined : `the CDI device ${device}`;
};

describeGraphs(
  "run: devices",
  {
    "one that there is": {
      state: () => step("echo $FROM_DEVICE", { devices: [device] }),
      prints: "yes",
      lacks,
    },
    "one that may be missing": {
      state: () => step("echo ran", { devices: [{ name: "vendor.example/none=0", optional: true }] }),
      prints: "ran",
      lacks,
    },
    "one that is missing fails": {
      state: () => step("echo ran", { devices: ["vendor.example/none=0"] }),
      fails: /vendor\.example\/none=0/,
      lacks,
    },
  },
  { solve: () => ({ entitlements: ["device"] }) },
);
