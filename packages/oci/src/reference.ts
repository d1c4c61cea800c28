import { InvalidArgumentError } from "@buildkit-node/core";
import { type DigestText, isDigest } from "./digest.ts";

/** An image reference in full: what is missing in `alpine` is filled in. */
export interface Reference {
  /** Registry host, with its port when one is given: `docker.io`, `localhost:5000`. */
  readonly domain: string;
  /** Repository below the host: `library/alpine`. */
  readonly path: string;
  readonly tag?: string;
  readonly digest?: DigestText;
}

const label = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
const host = `(?:${label}(?:\\.${label})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?`;
const component = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const digest = "[A-Za-z][A-Za-z0-9]*(?:[+._-][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}";
const whole = new RegExp(
  `^(${host})/(${component}(?:/${component})*)(?::([A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(?:@(${digest}))?$`,
);

/** The longest repository path that registries accept, in characters. */
const maxPathLength = 255;

/**
 * Reads an image reference the way `docker pull` does: `alpine` is `docker.io/library/alpine`. No tag is added:
 * see {@link withDefaultTag}.
 *
 * @throws InvalidArgumentError when the text is no reference, among them 64 hex digits (an image id, not a name) and
 *   upper-case repository names
 */
export function parseReference(text: string): Reference {
  if (/^[0-9a-f]{64}$/.test(text)) {
    throw invalid(text, "64 hex digits are an image id, not a name");
  }
  const { domain, rest } = splitDomain(text);
  const name = rest.split(":", 1)[0] ?? "";
  if (name !== name.toLowerCase()) {
    throw invalid(text, "a repository name is all lower case");
  }
  const match = whole.exec(`${domain}/${rest}`);
  if (match === null) {
    throw invalid(text, "expected [host[:port]/]name[:tag][@digest]");
  }
  const [, matchedDomain = "", path = "", tag, digestText] = match;
  if (path.length > maxPathLength) {
    throw invalid(text, `the repository path has more than ${maxPathLength} characters`);
  }
  if (digestText !== undefined && !isDigest(digestText)) {
    throw invalid(text, `${digestText} is no sha256, sha384 or sha512 digest`);
  }
  return {
    domain: matchedDomain,
    path,
    ...(tag !== undefined && { tag }),
    ...(digestText !== undefined && { digest: digestText }),
  };
}

/** Writes a reference in full: `docker.io/library/alpine:3.20@sha256:…`. */
export function formatReference(reference: Reference): string {
  const tag = reference.tag === undefined ? "" : `:${reference.tag}`;
  const at = reference.digest === undefined ? "" : `@${reference.digest}`;
  return `${reference.domain}/${reference.path}${tag}${at}`;
}

/** The same reference with the tag `latest`, if it has neither tag nor digest. */
export function withDefaultTag(reference: Reference): Reference {
  return reference.tag === undefined && reference.digest === undefined
    ? { ...reference, tag: "latest" }
    : reference;
}

function splitDomain(text: string): { readonly domain: string; readonly rest: string } {
  const slash = text.indexOf("/");
  const first = slash < 0 ? "" : text.slice(0, slash);
  const isHost = first === "localhost" || /[.:]/.test(first) || first !== first.toLowerCase();
  const domain = isHost ? first : "docker.io";
  const rest = isHost ? text.slice(slash + 1) : text;
  if (domain !== "docker.io" && domain !== "index.docker.io") {
    return { domain, rest };
  }
  return { domain: "docker.io", rest: rest.includes("/") ? rest : `library/${rest}` };
}

function invalid(text: string, why: string): InvalidArgumentError {
  return new InvalidArgumentError(
    "reference",
    text,
    `${JSON.stringify(text)} is not an image reference: ${why}`,
  );
}
