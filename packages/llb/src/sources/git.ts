import { constraintsOf, type StepOptions } from "../constraints.ts";
import { LlbError, shown } from "../error.ts";
import { joinPaths } from "../path.ts";
import type { Place } from "../place.ts";
import { fresh, type State } from "../state.ts";
import { type GitUrl, parseGitUrl } from "./git-url.ts";
import { SourceDraft, sourceOutput } from "./source.ts";

/** What is checked out, and how the repository is reached. */
export interface GitOptions extends StepOptions {
  /** Branch, tag or commit. Default: what stands behind `#` in the address, else the default branch. */
  readonly ref?: string;
  /** The directory of the repository to use. Default: what stands behind the colon after the ref, else all of it. */
  readonly subdir?: string;
  /** Keeps the `.git` directory. Default: false. */
  readonly keepGitDir?: boolean;
  /** The secret that holds a token; empty for none. Default: `GIT_AUTH_TOKEN`. */
  readonly authTokenSecret?: string;
  /** The secret that holds an `Authorization` header; empty for none. Default: `GIT_AUTH_HEADER`. */
  readonly authHeaderSecret?: string;
  /** Lines of a `known_hosts` file, for SSH. Without them the daemon cannot check whom it talks to. */
  readonly knownHosts?: string | readonly string[];
  /** The SSH agent of the session. Default: `default`. */
  readonly sshSocket?: string;
  /** The commit that the ref must have, or the beginning of its hash. BuildKit 0.24 and later. */
  readonly checksum?: string;
  /** Default: false. BuildKit 0.25 and later. */
  readonly skipSubmodules?: boolean;
  /** Times of the files: that of the checkout (the daemon's default) or that of the commit. BuildKit 0.29 and later. */
  readonly mtime?: "checkout" | "commit" | (string & {});
  /** Fetches the commit in `checksum` and not the ref. Default: false. BuildKit 0.30 and later. */
  readonly fetchByCommit?: boolean;
  /** Gives the repository as one bundle file. Default: false. BuildKit 0.30 and later. */
  readonly checkoutBundle?: boolean;
  /** Reads the repository from a bundle that is a blob. BuildKit 0.30 and later. */
  readonly bundle?: {
    /** A blob by its digest: `oci-layout+blob://…@sha256:…` or `docker-image+blob://…@sha256:…`. */
    readonly locator: string;
    readonly session?: string;
    readonly store?: string;
  };
}

/**
 * A Git repository: `https://host/path.git`, `ssh://user@host/path`, `git://host/path`, `user@host:path`, or
 * `host/path` for https. Ref and subdirectory may stand behind a `#`, as in `https://host/path.git#main:docs`.
 *
 * @throws LlbError with reason `git-url` for a query in the address, `source` for what no daemon would accept
 */
export function git(address: string, options: GitOptions = {}): State {
  const place = git;
  const url = parseGitUrl(address);
  if (url?.query !== undefined && url.query !== "") {
    throw new LlbError(`git address ${shown(address)}: a query has no meaning here; use the options`, {
      reason: "git-url",
      value: address,
      place,
    });
  }
  const fragment = splitFragment(url?.fragment ?? "");
  const ref = options.ref ?? fragment.ref;
  const subdir = options.subdir ?? fragment.subdir;
  check(ref, subdir, options, place);
  const remote = url?.remote ?? (/^[a-zA-Z0-9]+:\/\//.test(address) ? address : `https://${address}`);
  const draft = new SourceDraft("source.git");
  draft.setFilled("git.fullurl", remote, "source.git.fullurl");
  setAuth(draft, url, options);
  setCheckout(draft, options);
  const identifier = `git://${url === undefined ? remote : url.host + url.path + fragmentOf(ref, subdir)}`;
  return fresh(
    sourceOutput({ identifier, attrs: draft.attrs, caps: draft.caps }, constraintsOf(options, place), place),
  );
}

function setAuth(draft: SourceDraft, url: GitUrl | undefined, options: GitOptions): void {
  const { authTokenSecret = "GIT_AUTH_TOKEN", authHeaderSecret = "GIT_AUTH_HEADER" } = options;
  const isOwn = options.authTokenSecret !== undefined || options.authHeaderSecret !== undefined;
  const cap = isOwn ? "source.git.httpauth" : undefined;
  draft.setFilled("git.authtokensecret", authTokenSecret, cap);
  draft.setFilled("git.authheadersecret", authHeaderSecret, cap);
  if (url?.scheme === "ssh") {
    draft.setFilled("git.knownsshhosts", knownHostLines(options.knownHosts));
    draft.need("source.git.knownsshhosts");
    draft.set("git.mountsshsock", options.sshSocket || "default", "source.git.mountsshsock");
  }
}

function setCheckout(draft: SourceDraft, options: GitOptions): void {
  const { bundle } = options;
  draft.flag("git.keepgitdir", options.keepGitDir, "source.git.keepgitdir");
  draft.setFilled("git.checksum", options.checksum, "source.git.checksum");
  draft.flag("git.skipsubmodules", options.skipSubmodules, "source.git.skipsubmodules");
  draft.setFilled("git.mtime", options.mtime, "source.git.mtime");
  draft.flag("git.fetchbycommit", options.fetchByCommit, "source.git.fetchbycommit");
  draft.flag("git.checkoutbundle", options.checkoutBundle, "source.git.checkoutbundle");
  draft.setFilled("git.bundle", bundle?.locator, "source.git.bundle");
  draft.setFilled("oci.session", bundle?.session);
  draft.setFilled("oci.store", bundle?.store);
}

/** `ref:subdir`, the subdirectory cleaned and below the root. */
function splitFragment(fragment: string): { readonly ref: string; readonly subdir: string } {
  const colon = fragment.indexOf(":");
  return colon < 0
    ? { ref: fragment, subdir: "" }
    : { ref: fragment.slice(0, colon), subdir: joinPaths("/", fragment.slice(colon + 1)).slice(1) };
}

function fragmentOf(ref: string, subdir: string): string {
  return ref === "" && subdir === "" ? "" : `#${ref}${subdir === "" ? "" : `:${subdir}`}`;
}

/** Every entry on lines of its own. */
function knownHostLines(known: GitOptions["knownHosts"]): string {
  const entries = known === undefined ? [] : typeof known === "string" ? [known] : known;
  return entries.map((entry) => `${entry.replace(/\n$/, "")}\n`).join("");
}

function check(ref: string, subdir: string, options: GitOptions, place: Place): void {
  const { bundle, checksum = "", checkoutBundle, keepGitDir } = options;
  const refuse = (value: unknown, message: string): never => {
    throw new LlbError(message, { reason: "source", value, place });
  };
  if (ref.startsWith("-")) {
    refuse(ref, `git ref ${shown(ref)} starts with a dash`);
  }
  if (bundle !== undefined && checksum === "") {
    refuse(bundle, "a git bundle needs the checksum of its commit");
  }
  if (
    bundle !== undefined &&
    !/^(docker-image|oci-layout)\+blob:\/\/.+@sha256:[0-9a-f]{64}$/.test(bundle.locator)
  ) {
    refuse(
      bundle.locator,
      `git bundle ${shown(bundle.locator)} is no blob: expected docker-image+blob:// or oci-layout+blob:// and …@sha256:…`,
    );
  }
  if (checkoutBundle === true && (keepGitDir === true || subdir !== "")) {
    refuse(options, "checkoutBundle gives a file: keepGitDir and subdir have no meaning with it");
  }
}
