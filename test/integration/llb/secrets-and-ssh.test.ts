import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { secret, ssh } from "@buildkit-node/llb";
import { afterAll, beforeAll } from "vitest";
import { describeGraphs, step } from "../../support/graph-cases.ts";

const stat = (file: string) => `stat -c '%a %u:%g' ${file}`;

describeGraphs(
  "secrets",
  {
    "without target and env are a file below /run/secrets": {
      state: () =>
        step(`cat /run/secrets/token; echo; ${stat("/run/secrets/token")}`, { mounts: [secret("token")] }),
      prints: "hunter2\n400 0:0",
    },
    "target, uid, gid and mode": {
      state: () =>
        step(`cat /t; echo; ${stat("/t")}`, {
          mounts: [secret("token", { target: "/t", uid: 7, gid: 8, mode: 0o444 })],
        }),
      prints: "hunter2\n444 7:8",
    },
    "env: a variable and no file": {
      state: () =>
        step("echo $TOKEN; ls /run/secrets || true", {
          mounts: [secret("token", { env: "TOKEN" })],
        }),
      prints: /^hunter2\nls: /,
    },
    "env and target: both": {
      state: () => step("echo $TOKEN; cat /t", { mounts: [secret("token", { env: "TOKEN", target: "/t" })] }),
      prints: "hunter2\nhunter2",
    },
    "optional: a step runs without": {
      state: () =>
        step("echo [$NONE]; ls /run/secrets/none || true", {
          mounts: [secret("none", { optional: true }), secret("none", { env: "NONE", optional: true })],
        }),
      prints: /^\[\]\nls: /,
    },
    "that nobody has fail": {
      state: () => step("true", { mounts: [secret("none")] }),
      fails: /none: not found/,
    },
    "that nobody has fail as variables too": {
      state: () => step("true", { mounts: [secret("none", { env: "NONE" })] }),
      fails: /none: not found/,
    },
    "two of one id": {
      state: () =>
        step("cat /a /b", { mounts: [secret("token", { target: "/a" }), secret("token", { target: "/b" })] }),
      prints: "hunter2hunter2",
    },
  },
  { solve: () => ({ secrets: { token: { value: "hunter2" } } }) },
);

let keys: string;
beforeAll(() => {
  keys = mkdtempSync(path.join(tmpdir(), "bk-llb-keys-"));
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", path.join(keys, "key")]);
});
afterAll(() => rmSync(keys, { recursive: true, force: true }));

describeGraphs(
  "SSH sockets",
  {
    "are there, and named in SSH_AUTH_SOCK": {
      state: () =>
        step(`echo $SSH_AUTH_SOCK; ${stat("$SSH_AUTH_SOCK")}; [ -S $SSH_AUTH_SOCK ] && echo socket`, {
          mounts: [ssh()],
        }),
      prints: "/run/buildkit/ssh_agent.0\n600 0:0\nsocket",
    },
    "id, target, uid, gid and mode": {
      state: () =>
        step(`echo $SSH_AUTH_SOCK; ${stat("/agent")}`, {
          mounts: [ssh({ id: "git", target: "/agent", uid: 7, gid: 8, mode: 0o666 })],
        }),
      prints: "/agent\n666 7:8",
    },
    "two of them; the first is in SSH_AUTH_SOCK": {
      state: () => step("echo $SSH_AUTH_SOCK; ls /run/buildkit", { mounts: [ssh(), ssh({ id: "git" })] }),
      prints: "/run/buildkit/ssh_agent.0\nssh_agent.0\nssh_agent.1",
    },
    "leave SSH_AUTH_SOCK alone where it is set": {
      state: () => step("echo $SSH_AUTH_SOCK", { mounts: [ssh()], env: { SSH_AUTH_SOCK: "mine" } }),
      prints: "mine",
    },
    "optional: a step runs without": {
      state: () =>
        step("ls /agent || true", {
          mounts: [ssh({ id: "none", target: "/agent", optional: true })],
        }),
      prints: /^ls: /,
    },
    "that nobody forwards fail": {
      state: () => step("true", { mounts: [ssh({ id: "none" })] }),
      fails: /none/,
    },
  },
  { solve: () => ({ ssh: [`default=${path.join(keys, "key")}`, `git=${path.join(keys, "key")}`] }) },
);
