/** The bits of Go's `os.FileMode`, which is what travels; they differ from Unix's. */
export const Mode = {
  directory: 0x80000000,
  symlink: 0x08000000,
  device: 0x04000000,
  namedPipe: 0x02000000,
  socket: 0x01000000,
  setuid: 0x00800000,
  setgid: 0x00400000,
  characterDevice: 0x00200000,
  sticky: 0x00100000,
  irregular: 0x00080000,
  permissions: 0o777,
} as const;

/** Every bit that makes an entry something other than a regular file. */
const typeBits = 0x8f280000;

/** Whether a mode is that of an entry whose contents can be asked for. */
export function isRegular(mode: number): boolean {
  return (mode & typeBits) === 0;
}

export function isDirectory(mode: number): boolean {
  return (mode & Mode.directory) !== 0;
}

export function isSymlink(mode: number): boolean {
  return (mode & Mode.symlink) !== 0;
}

/** A named pipe or a device. */
export function isSpecial(mode: number): boolean {
  return (mode & (Mode.device | Mode.namedPipe | Mode.characterDevice)) !== 0;
}

/** The type bits of Unix's `st_mode`. */
export const UnixType = {
  mask: 0o170000,
  socket: 0o140000,
  symlink: 0o120000,
  regular: 0o100000,
  block: 0o060000,
  directory: 0o040000,
  character: 0o020000,
  pipe: 0o010000,
} as const;

export function isUnixSocket(unixMode: number): boolean {
  return (unixMode & UnixType.mask) === UnixType.socket;
}

/** Unix's `st_mode` as it travels. A socket travels as a regular file: a daemon refuses the socket bit. */
export function fromUnixMode(unixMode: number): number {
  let mode = unixMode & Mode.permissions;
  if (unixMode & 0o4000) mode |= Mode.setuid;
  if (unixMode & 0o2000) mode |= Mode.setgid;
  if (unixMode & 0o1000) mode |= Mode.sticky;
  switch (unixMode & UnixType.mask) {
    case UnixType.directory:
      mode |= Mode.directory;
      break;
    case UnixType.symlink:
      mode |= Mode.symlink;
      break;
    case UnixType.pipe:
      mode |= Mode.namedPipe;
      break;
    case UnixType.block:
      mode |= Mode.device;
      break;
    case UnixType.character:
      mode |= Mode.device | Mode.characterDevice;
      break;
    default:
  }
  return mode >>> 0;
}

/** The permissions that `chmod` takes, with setuid, setgid and sticky. */
export function toUnixPermissions(mode: number): number {
  let unix = mode & Mode.permissions;
  if (mode & Mode.setuid) unix |= 0o4000;
  if (mode & Mode.setgid) unix |= 0o2000;
  if (mode & Mode.sticky) unix |= 0o1000;
  return unix;
}
