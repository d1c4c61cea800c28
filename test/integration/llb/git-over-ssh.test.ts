import { mkdtempSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type GitOptions, git } from "@buildkit-node/llb";
import { afterAll, beforeAll } from "vitest";
import { commit, initRepository } from "../../support/git-server.ts";
import { describeGraphs, type GraphCase } from "../../support/graph-cases.ts";
import { makeKey, type SshServer, startSshServer } from "../../support/ssh-server.ts";

const folder = mkdtempSync(path.join(tmpdir(), "bk-llb-ssh-"));
const repository = path.join(folder, "repository");
const key = path.join(folder, "keys/known");
const stranger = path.join(folder, "keys/stranger");
let server: SshServer | undefined;

beforeAll(async () => {
  initRepository(repository);
  commit(repository, "first", { file: "over ssh\n", "docs/page": "page\n" });
  await mkdir(path.dirname(key));
  makeKey(key);
  makeKey(stranger);
  server = await startSshServer(path.join(folder, "server"), key);
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** What is looked at in the repository when it is fetched with some options; `known` trusts the server's key. */
function fetched(options: () => GitOptions, expected: Omit<GraphCase, "state">): GraphCase {
  return {
    state: () => git(`${server?.url}${repository}`, options()),
    look: "cat file",
    lacks: async () => (server === undefined ? "an SSH server beside it" : undefined),
    ...expected,
  };
}

const known = () => server?.knownHost ?? "";
/** The server's place with a key that is not the server's. */
const mistaken = () => known().replace(/ssh-ed25519 \S+/, (match) => `${match.slice(0, -4)}AAAA`);

describeGraphs(
  "git sources over SSH",
  {
    "knownHosts: the server has the key that it must have": fetched(() => ({ knownHosts: known() }), {
      prints: "over ssh",
    }),
    "knownHosts: several lines": fetched(() => ({ knownHosts: [mistaken(), known()] }), {
      prints: "over ssh",
    }),
    "knownHosts: another key is refused": fetched(() => ({ knownHosts: mistaken() }), {
      fails: /[Hh]ost key verification failed/,
    }),
    "knownHosts: another server's line is refused": fetched(
      () => ({ knownHosts: known().replace("127.0.0.1", "example.com") }),
      { fails: /[Hh]ost key verification failed/ },
    ),
    "without knownHosts any server is taken": fetched(() => ({}), { prints: "over ssh" }),
    "ref and subdir": fetched(() => ({ knownHosts: known(), ref: "main", subdir: "docs" }), {
      look: "cat page",
      prints: "page",
    }),
    "sshSocket: another agent of the session": fetched(() => ({ knownHosts: known(), sshSocket: "deploy" }), {
      prints: "over ssh",
    }),
    "sshSocket: an agent whose key the server does not know is refused": fetched(
      () => ({ knownHosts: known(), sshSocket: "stranger" }),
      { fails: /Permission denied \(publickey\)/ },
    ),
    "sshSocket: an agent that nobody forwards is named": fetched(
      () => ({ knownHosts: known(), sshSocket: "nobody" }),
      { fails: /nobody/ },
    ),
  },
  {
    alone: true,
    solve: () => ({ ssh: [`default=${key}`, `deploy=${key}`, `stranger=${stranger}`] }),
  },
);
