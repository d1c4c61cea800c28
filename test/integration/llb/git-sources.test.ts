import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { copy, type GitOptions, git as gitSource, scratch } from "@buildkit-node/llb";
import { afterAll, beforeAll } from "vitest";
import { commit, type GitServer, git, initRepository, startGitServer } from "../../support/git-server.ts";
import { describeGraphs } from "../../support/graph-cases.ts";

const token = "opensesame";
const basic = `basic ${Buffer.from(`x-access-token:${token}`).toString("base64")}`;

let folder: string;
let server: GitServer;
/** The commits: the first, and the one with the tag `v1`. */
let first: string;
let tagged: string;
/** The only commit of the library. */
let onlyLibrary: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "bk-llb-git-"));
  const library = path.join(folder, "library");
  initRepository(library);
  onlyLibrary = commit(library, "library", { "lib.txt": "library\n", "docs/guide/page": "page\n" });
  const app = path.join(folder, "app");
  initRepository(app);
  first = commit(app, "first", { file: "first\n" });
  tagged = commit(app, "second", { file: "tagged\n" });
  git(app, "tag", "-a", "v1", "-m", "version 1");
  git(app, "switch", "-q", "-c", "side");
  commit(app, "side", { file: "side\n" });
  git(app, "switch", "-q", "main");
  git(app, "submodule", "--quiet", "add", "../library", "vendored");
  commit(app, "newest", { file: "newest\n" });
  server = await startGitServer(folder, basic);
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const app = (options: GitOptions = {}) => gitSource(`git://${server.git}/app`, options);
const library = (options: GitOptions = {}, fragment = "") =>
  gitSource(`git://${server.git}/library${fragment}`, options);
const file = "cat file";
const list = "find . -mindepth 1 -not -path './.git/*' -not -path './vendored/*' | sort | xargs";

/** BuildKit 0.32 dies when one of two sources of the same ref fails in a build. */
const alone = true;

describeGraphs(
  "git sources",
  {
    "are the newest commit without a ref, and with submodules": {
      state: () => app(),
      look: `${file}; ${list}; cat vendored/lib.txt`,
      prints: "newest\n./.gitmodules ./file ./vendored\nlibrary",
    },
    "ref: a branch": { state: () => app({ ref: "side" }), look: file, prints: "side" },
    "ref: a tag": { state: () => app({ ref: "v1" }), look: file, prints: "tagged" },
    "ref: a commit": { state: () => app({ ref: first }), look: file, prints: "first" },
    "ref: one that is not there": { state: () => app({ ref: "nowhere" }), fails: /nowhere/ },
    "the fragment: ref and directory": {
      state: () => library({}, "#main:docs/guide"),
      look: list,
      prints: "./page",
    },
    subdir: { state: () => library({ subdir: "docs" }), look: list, prints: "./guide ./guide/page" },
    keepGitDir: {
      state: () => app({ ref: "side", keepGitDir: true }),
      look: `cat .git/HEAD | wc -c; ${list}`,
      prints: /^\d+\n\.\/\.git \.\/file/,
    },
    "checksum: the commit that the ref must have": {
      state: () => app({ ref: "v1", checksum: tagged }),
      look: file,
      prints: "tagged",
    },
    "checksum: its beginning": {
      state: () => app({ ref: "v1", checksum: tagged.slice(0, 12) }),
      look: file,
      prints: "tagged",
    },
    "checksum: another commit fails": {
      // BuildKit 0.25 does not look at the whole name of a commit that it has fetched before.
      state: () => app({ ref: "v1", checksum: first.slice(0, 12) }),
      fails: /checksum|expected/,
    },
    skipSubmodules: { state: () => app({ skipSubmodules: true }), look: "ls vendored | wc -l", prints: "0" },
    "mtime of the checkout": {
      state: () => app({ ref: "v1", mtime: "checkout" }),
      look: "[ $(stat -c %Y file) -gt 1000000000 ] && echo now",
      prints: "now",
    },
    "mtime of the commit": {
      state: () => app({ ref: "v1", mtime: "commit" }),
      look: "stat -c %Y file",
      prints: "1000000000",
    },
    fetchByCommit: {
      state: () => app({ checksum: tagged, fetchByCommit: true }),
      look: file,
      prints: "tagged",
    },
    "checkoutBundle: the repository in one file": {
      state: () => library({ ref: onlyLibrary, checkoutBundle: true }),
      look: "head -c 14 bundle",
      prints: "# v2 git bundl",
    },
    "are copied from like any state": {
      state: () => scratch().file(copy(app({ ref: "v1" }), "file", "/copied")),
      look: "cat copied",
      prints: "tagged",
    },
  },
  { alone },
);

const overHttp = (place: string, options: GitOptions = {}) =>
  gitSource(`http://${server.http}/${place}`, options);

describeGraphs(
  "git sources over HTTP",
  {
    "are fetched": { state: () => overHttp("app", { ref: "v1" }), look: file, prints: "tagged" },
    "authTokenSecret: a secret of the build is the password": {
      state: () => overHttp("private/app", { ref: "v1", authTokenSecret: "token" }),
      look: file,
      prints: "tagged",
    },
    "authHeaderSecret: a secret of the build is the header": {
      state: () => overHttp("private/app", { ref: "side", authHeaderSecret: "header" }),
      look: file,
      prints: "side",
    },
    "GIT_AUTH_TOKEN is the secret that is asked for by itself": {
      state: () => overHttp("private/app", { ref: "main" }),
      look: file,
      prints: "newest",
    },
    "an empty name asks for no secret": {
      state: () => overHttp("private/app", { ref: "main", authTokenSecret: "", authHeaderSecret: "" }),
      fails: /Username|Authentication|401/,
    },
  },
  {
    alone,
    solve: () => ({
      secrets: { GIT_AUTH_TOKEN: { value: token }, token: { value: token }, header: { value: basic } },
    }),
  },
);
