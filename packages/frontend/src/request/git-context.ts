import { InvalidArgumentError } from "@buildkit-node/core";
import { type GitOptions, git, type State } from "@buildkit-node/llb";

/**
 * A Git repository as `docker build` takes it in place of a directory: `https://host/path.git`, `git://…`, `ssh://…`,
 * `git@host:path`, `github.com/owner/name`; behind it `#ref:directory`, or a query with `ref`, `branch`, `tag`, `subdir`,
 * `checksum` or `commit`, `submodules`, `keep-git-dir`, `mtime` and `fetch-by-commit`. Undefined for anything else.
 *
 * @throws {InvalidArgumentError} for a query that cannot be understood
 */
export function gitContext(address: string, options: GitOptions = {}): State | undefined {
  if (!isGit(address)) return undefined;
  const [beforeFragment = "", fragment] = address.split("#", 2);
  const [remote = "", query] = beforeFragment.split("?", 2);
  const full = remote.startsWith("github.com/") ? `https://${remote}` : remote;
  const target = fragment === undefined ? full : `${full}#${fragment}`;
  return git(target, {
    name: `[internal] load git source ${address}`,
    ...options,
    ...queryOptions(address, query),
  });
}

function isGit(address: string): boolean {
  if (/^(git|ssh):\/\//.test(address) || /^[a-zA-Z0-9._-]+@[a-zA-Z0-9.-]+:/.test(address)) return true;
  if (/^github\.com\//.test(address)) return true;
  return /^https?:\/\/[^?#]+\.git(?:[?#]|$)/.test(address);
}

function queryOptions(address: string, query: string | undefined): GitOptions {
  const options: { -readonly [K in keyof GitOptions]: GitOptions[K] } = {};
  for (const [key, value] of new URLSearchParams(query ?? "")) {
    switch (key) {
      case "ref":
        options.ref = value;
        break;
      case "branch":
        options.ref = `refs/heads/${value}`;
        break;
      case "tag":
        options.ref = `refs/tags/${value}`;
        break;
      case "subdir":
        options.subdir = value;
        break;
      case "checksum":
      case "commit":
        options.checksum = value;
        break;
      case "submodules":
        options.skipSubmodules = value === "false" || value === "0";
        break;
      case "keep-git-dir":
        options.keepGitDir = value !== "false" && value !== "0";
        break;
      case "mtime":
        options.mtime = value;
        break;
      case "fetch-by-commit":
        options.fetchByCommit = value !== "false" && value !== "0";
        break;
      default:
        throw new InvalidArgumentError(
          "context",
          address,
          `the git address ${address} has the unknown query ${key}`,
        );
    }
  }
  return options;
}
