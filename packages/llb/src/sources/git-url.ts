import { joinPaths } from "../path.ts";

/** A Git address as far as an op needs it. */
export interface GitUrl {
  readonly scheme: "http" | "https" | "ssh" | "git";
  /** With the port, without the user. */
  readonly host: string;
  /** Decoded, and clean: the same for every way to write it. */
  readonly path: string;
  /** The address without query and fragment, as Git is given it. */
  readonly remote: string;
  /** What stands behind `#`. */
  readonly fragment: string | undefined;
  readonly query: string | undefined;
}

const schemePattern = /^([a-zA-Z0-9]+):\/\//;
const scpPattern = /^([a-zA-Z0-9-_]+)@([a-zA-Z0-9-.]+):(.*?)(?:\?(.*?))?(?:#(.*))?$/s;

/**
 * Reads a Git address: a URL, or `user@host:path`; without either form `https://` is put in front. Undefined is for an
 * address that cannot be read. Addresses are read and written as Go's net/url does it, because they are part of the op:
 * the URL class of the web platform differs in nearly every detail.
 */
export function parseGitUrl(address: string): GitUrl | undefined {
  const scheme = schemePattern.exec(address)?.[1]?.toLowerCase();
  if (scheme !== undefined) {
    return isSupported(scheme) ? parseUrl(scheme, address) : undefined;
  }
  const scp = scpPattern.exec(address);
  if (scp !== null) {
    const [, user = "", host = "", path = "", query, fragment] = scp;
    return {
      scheme: "ssh",
      host,
      path: joinPaths("/", path),
      remote: `${user}@${host}:${path}`,
      fragment,
      query,
    };
  }
  return schemePattern.test(`https://${address}`) ? parseUrl("https", `https://${address}`) : undefined;
}

function isSupported(scheme: string): scheme is GitUrl["scheme"] {
  return ["http", "https", "ssh", "git"].includes(scheme);
}

function parseUrl(scheme: GitUrl["scheme"], address: string): GitUrl | undefined {
  // One character per UTF-8 byte: Go works on bytes.
  const bytes = toByteText(address.slice(address.indexOf("://") + 3));
  if (/[\x00-\x1f\x7f]/.test(bytes)) {
    return undefined;
  }
  const [beforeFragment, fragment] = cut(bytes, "#");
  const [beforeQuery, query] = cut(beforeFragment, "?");
  const slash = beforeQuery.indexOf("/");
  const authority = slash < 0 ? beforeQuery : beforeQuery.slice(0, slash);
  const rawPath = slash < 0 ? "" : beforeQuery.slice(slash);
  const at = authority.lastIndexOf("@");
  const user = at < 0 ? "" : parseUser(authority.slice(0, at));
  const host = parseHost(authority.slice(at + 1));
  const path = percentDecode(rawPath);
  const decodedFragment = fragment === undefined ? "" : percentDecode(fragment);
  if (user === undefined || host === undefined || path === undefined || decodedFragment === undefined) {
    return undefined;
  }
  const writtenHost = percentEncode(host, hostSafe);
  const slashes = host !== "" || path !== "" || at >= 0 ? "//" : "";
  const forcedQuery = query === "" ? "?" : "";
  const remote = `${scheme}:${slashes}${at < 0 ? "" : `${user}@`}${writtenHost}${escapePath(rawPath, path)}${forcedQuery}`;
  const text = [host, joinPaths("/", path), remote, decodedFragment].map(fromByteText);
  const [hostText, pathText, remoteText, fragmentText] = text;
  return hostText === undefined ||
    pathText === undefined ||
    remoteText === undefined ||
    fragmentText === undefined
    ? undefined
    : {
        scheme,
        host: hostText,
        path: pathText,
        remote: remoteText,
        fragment: fragment === undefined ? undefined : fragmentText,
        query,
      };
}

/** User and password, escaped as Go writes them. */
function parseUser(text: string): string | undefined {
  if (!/^[A-Za-z0-9\-._:~!$&'()*+,;=%@]*$/.test(text)) {
    return undefined;
  }
  const [name, password] = cut(text, ":").map((part) =>
    part === undefined ? undefined : percentDecode(part),
  );
  if (name === undefined || (text.includes(":") && password === undefined)) {
    return undefined;
  }
  return password === undefined
    ? percentEncode(name, userSafe)
    : `${percentEncode(name, userSafe)}:${percentEncode(password, userSafe)}`;
}

/** A host, decoded. Of the escapes only those of bytes beyond ASCII are allowed in it. */
function parseHost(text: string): string | undefined {
  const bracket = text.lastIndexOf("]");
  const port = text.startsWith("[") ? text.slice(bracket + 1) : (/:[^:]*$/.exec(text)?.[0] ?? "");
  const name = text.slice(0, text.length - port.length);
  const isValid =
    /^(:[0-9]*)?$/.test(port) &&
    (text.startsWith("[") ? bracket > 0 : !name.includes(":")) &&
    !/%(?![89a-fA-F][0-9a-fA-F])/.test(text) &&
    /^[A-Za-z0-9\-_.~!$&'()*+,;=:[\]<>"%\x80-\xff]*$/.test(text);
  return isValid ? percentDecode(text) : undefined;
}

const pathSafe = /[A-Za-z0-9\-_.~$&+,/:;=@]/;
const userSafe = /[A-Za-z0-9\-_.~$&+,;=]/;
const hostSafe = /[A-Za-z0-9\-_.~!$&'()*+,;=:[\]<>"]/;
const typedPath = /^[A-Za-z0-9\-_.~!$&'()*+,;=:@[\]%/]*$/;

/** A path stays as it was typed if all of it may; else the whole of it is escaped anew. */
function escapePath(typed: string, path: string): string {
  return typedPath.test(typed) ? typed : percentEncode(path, pathSafe);
}

function percentEncode(bytes: string, safe: RegExp): string {
  return bytes.replace(/[\s\S]/g, (byte) =>
    safe.test(byte) ? byte : `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
  );
}

/** Resolves `%xx`; undefined when a percent sign has no two hex digits behind it. */
function percentDecode(bytes: string): string | undefined {
  return /%(?![0-9a-fA-F]{2})/.test(bytes)
    ? undefined
    : bytes.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function cut(text: string, separator: string): readonly [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

function toByteText(text: string): string {
  let bytes = "";
  for (const byte of new TextEncoder().encode(text)) {
    bytes += String.fromCharCode(byte);
  }
  return bytes;
}

function fromByteText(bytes: string): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(
      Uint8Array.from(bytes, (character) => character.charCodeAt(0)),
    );
  } catch {
    return undefined;
  }
}
