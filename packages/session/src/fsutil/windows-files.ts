import type { ByteString } from "./byte-string.ts";

/** Whether files have the names and the modes of Windows here. */
export function onWindows(): boolean {
  return process.platform === "win32";
}

/** Characters that no name has; `\` and `:` would lead elsewhere. */
const forbidden = /[<>:"|?*\\\x00-\x1f]/;
/** Names of devices, in any case and with any extension. The digits may be superscripts, in UTF-8. */
const reserved = /^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)(?:[0-9]|\xc2[\xb9\xb2\xb3]))\s*(?:\.|$)/i;

/** Why Windows can have no file of a path; `undefined` where it can. */
export function windowsRefusal(path: ByteString): string | undefined {
  for (const name of path.split("/")) {
    const [character] = forbidden.exec(name) ?? [];
    if (character !== undefined) return `Windows has no names with ${JSON.stringify(character)} in them`;
    if (reserved.test(name)) return `"${name}" is the name of a device on Windows`;
    if (/[. ]$/.test(name)) return "Windows has no names that end with a dot or a space";
  }
  return undefined;
}

/** The permissions of files that have none: everything may be run, and the owner alone may write. */
export function windowsPermissions(permissions: number): number {
  return (permissions | 0o111) & 0o755;
}

/** The target of a symlink with `/` between components. A drive's letter stays. */
export function fromWindowsTarget(target: ByteString): ByteString {
  return target.replaceAll("\\", "/");
}

/** A target that begins with a drive's letter, without it. */
export function withoutDrive(target: ByteString): ByteString {
  return target.replace(/^[a-z]:(?=\/)/i, "");
}
