import {
  bytes,
  choice,
  flag,
  type Int,
  int,
  map,
  nested,
  packedInts,
  repeated,
  text,
  texts,
} from "./field.ts";
import { type Message, message } from "./message.ts";

/*
 * The messages of solver/pb/ops.proto that one op is made of, as plain data. What is absent has its default value. Ops
 * are built, encoded, decoded and shown in this form alone.
 */

/** One vertex as it goes over the wire. Exactly one of the fields from `exec` to `passthrough` is there. */
export interface Op {
  readonly inputs?: readonly OpInput[];
  readonly platform?: OpPlatform;
  readonly constraints?: { readonly filter?: readonly string[] };
  readonly exec?: ExecOp;
  readonly source?: SourceOp;
  readonly file?: FileOp;
  readonly build?: BuildOp;
  readonly merge?: MergeOp;
  readonly diff?: DiffOp;
  readonly passthrough?: PassthroughOp;
}

/** An output of another op. */
export interface OpInput {
  readonly digest?: string;
  readonly index?: Int;
}

export interface OpPlatform {
  readonly architecture?: string;
  readonly os?: string;
  readonly variant?: string;
  readonly osVersion?: string;
  readonly osFeatures?: readonly string[];
}

export interface SourceOp {
  readonly identifier?: string;
  readonly attrs?: ReadonlyMap<string, string>;
}

export interface ExecOp {
  readonly meta?: ExecMeta;
  readonly mounts?: readonly OpMount[];
  readonly network?: "sandbox" | "host" | "none" | number;
  readonly security?: "sandbox" | "insecure" | number;
  readonly secretEnv?: readonly OpSecretEnv[];
  readonly devices?: readonly OpDevice[];
}

export interface ExecMeta {
  readonly args?: readonly string[];
  readonly env?: readonly string[];
  readonly cwd?: string;
  readonly user?: string;
  readonly proxy?: OpProxy | undefined;
  readonly extraHosts?: readonly OpHost[];
  readonly hostname?: string;
  readonly ulimits?: readonly OpUlimit[];
  readonly cgroupParent?: string;
  readonly removeMountStubsRecursive?: boolean;
  readonly validExitCodes?: readonly Int[] | undefined;
}

export interface OpProxy {
  readonly http?: string;
  readonly https?: string;
  readonly ftp?: string;
  readonly no?: string;
  readonly all?: string;
}

export interface OpHost {
  readonly host?: string;
  readonly ip?: string;
}

export interface OpUlimit {
  readonly name?: string;
  readonly soft?: Int;
  readonly hard?: Int;
}

export interface OpSecretEnv {
  readonly id?: string;
  readonly name?: string;
  readonly optional?: boolean;
}

export interface OpDevice {
  readonly name?: string;
  readonly optional?: boolean;
}

export interface OpMount {
  readonly input?: Int;
  readonly selector?: string;
  readonly target?: string;
  readonly output?: Int;
  readonly readonly?: boolean;
  readonly type?: "bind" | "secret" | "ssh" | "cache" | "tmpfs" | number;
  readonly tmpfs?: { readonly sizeBytes?: Int };
  readonly cache?: { readonly id?: string; readonly sharing?: "shared" | "private" | "locked" | number };
  readonly secret?: OpSecret;
  readonly ssh?: OpSecret;
  readonly resultId?: string;
  readonly contentCache?: "default" | "on" | "off" | number;
}

/** A secret or an SSH socket, as a file. */
export interface OpSecret {
  readonly id?: string;
  readonly uid?: Int;
  readonly gid?: Int;
  readonly mode?: Int;
  readonly optional?: boolean;
}

export interface FileOp {
  readonly actions?: readonly OpFileAction[];
}

/** Exactly one of the fields from `copy` to `symlink` is there. */
export interface OpFileAction {
  readonly input?: Int;
  readonly secondaryInput?: Int;
  readonly output?: Int;
  readonly copy?: OpCopy;
  readonly mkfile?: OpMkfile;
  readonly mkdir?: OpMkdir;
  readonly rm?: OpRm;
  readonly symlink?: OpSymlink;
}

export interface OpCopy {
  readonly src?: string;
  readonly dest?: string;
  readonly owner?: OpOwner | undefined;
  readonly mode?: Int | undefined;
  readonly followSymlinks?: boolean;
  readonly contentsOnly?: boolean;
  readonly attemptUnpack?: boolean;
  readonly createDestPath?: boolean;
  readonly wildcard?: boolean;
  readonly allowEmptyWildcard?: boolean;
  readonly timestamp?: Int;
  readonly include?: readonly string[] | undefined;
  readonly exclude?: readonly string[] | undefined;
  readonly alwaysReplaceExisting?: boolean;
  readonly modeText?: string | undefined;
  readonly requiredPaths?: readonly string[] | undefined;
}

export interface OpMkfile {
  readonly path?: string;
  readonly mode?: Int;
  readonly data?: Uint8Array;
  readonly owner?: OpOwner | undefined;
  readonly timestamp?: Int;
}

export interface OpMkdir {
  readonly path?: string;
  readonly mode?: Int;
  readonly parents?: boolean;
  readonly owner?: OpOwner | undefined;
  readonly timestamp?: Int;
}

export interface OpRm {
  readonly path?: string;
  readonly allowNotFound?: boolean;
  readonly wildcard?: boolean;
}

export interface OpSymlink {
  readonly oldPath?: string;
  readonly newPath?: string;
  readonly owner?: OpOwner | undefined;
  readonly timestamp?: Int;
}

export interface OpOwner {
  readonly user?: OpUser | undefined;
  readonly group?: OpUser | undefined;
}

/** A name, looked up in the given input, or an id. */
export interface OpUser {
  readonly byName?: { readonly name?: string; readonly input?: Int };
  readonly byId?: Int;
}

export interface BuildOp {
  readonly builder?: Int;
  readonly inputs?: ReadonlyMap<string, OpIndex>;
  readonly attrs?: ReadonlyMap<string, string>;
}

/** A place in the `inputs` of the op. */
export interface OpIndex {
  readonly input?: Int;
}

export interface MergeOp {
  readonly inputs?: readonly OpIndex[];
}

export interface DiffOp {
  readonly lower?: OpIndex;
  readonly upper?: OpIndex;
}

export interface PassthroughOp {
  readonly id?: string;
  readonly outputs?: readonly Int[];
}

const index = message<OpIndex>({ input: int(1) });

const platform = message<OpPlatform>({
  architecture: text(1),
  os: text(2),
  variant: text(3),
  osVersion: text(4),
  osFeatures: texts(5),
});

const source = message<SourceOp>({ identifier: text(1), attrs: map<string>(2, "text") });

const secret = message<OpSecret>({
  id: text(1),
  uid: int(2),
  gid: int(3),
  mode: int(4),
  optional: flag(5),
});

const mount = message<OpMount>({
  input: int(1),
  selector: text(2),
  target: text(3),
  output: int(4),
  readonly: flag(5),
  type: choice(6, ["bind", "secret", "ssh", "cache", "tmpfs"]),
  tmpfs: nested(19, () => tmpfs),
  cache: nested(20, () => cache),
  secret: nested(21, () => secret),
  ssh: nested(22, () => secret),
  resultId: text(23),
  contentCache: choice(24, ["default", "on", "off"]),
});

const tmpfs = message<NonNullable<OpMount["tmpfs"]>>({ sizeBytes: int(1) });

const cache = message<NonNullable<OpMount["cache"]>>({
  id: text(1),
  sharing: choice(2, ["shared", "private", "locked"]),
});

const proxy = message<OpProxy>({ http: text(1), https: text(2), ftp: text(3), no: text(4), all: text(5) });

const host = message<OpHost>({ host: text(1), ip: text(2) });

const ulimit = message<OpUlimit>({ name: text(1), soft: int(2), hard: int(3) });

const meta = message<ExecMeta>({
  args: texts(1),
  env: texts(2),
  cwd: text(3),
  user: text(4),
  proxy: nested(5, () => proxy),
  extraHosts: repeated(6, () => host),
  hostname: text(7),
  ulimits: repeated(9, () => ulimit),
  cgroupParent: text(10),
  removeMountStubsRecursive: flag(11),
  validExitCodes: packedInts(12),
});

const secretEnv = message<OpSecretEnv>({ id: text(1), name: text(2), optional: flag(3) });

const device = message<OpDevice>({ name: text(1), optional: flag(2) });

const exec = message<ExecOp>({
  meta: nested(1, () => meta),
  mounts: repeated(2, () => mount),
  network: choice(3, ["sandbox", "host", "none"]),
  security: choice(4, ["sandbox", "insecure"]),
  secretEnv: repeated(5, () => secretEnv),
  devices: repeated(6, () => device),
});

const namedUser = message<NonNullable<OpUser["byName"]>>({ name: text(1), input: int(2) });

const user = message<OpUser>({
  byName: nested(1, () => namedUser),
  byId: int(2, { presence: true }),
});

const owner = message<OpOwner>({ user: nested(1, () => user), group: nested(2, () => user) });

const copy = message<OpCopy>({
  src: text(1),
  dest: text(2),
  owner: nested(3, () => owner),
  mode: int(4),
  followSymlinks: flag(5),
  contentsOnly: flag(6),
  attemptUnpack: flag(7),
  createDestPath: flag(8),
  wildcard: flag(9),
  allowEmptyWildcard: flag(10),
  timestamp: int(11),
  include: texts(12),
  exclude: texts(13),
  alwaysReplaceExisting: flag(14),
  modeText: text(15),
  requiredPaths: texts(16),
});

const mkfile = message<OpMkfile>({
  path: text(1),
  mode: int(2),
  data: bytes(3),
  owner: nested(4, () => owner),
  timestamp: int(5),
});

const mkdir = message<OpMkdir>({
  path: text(1),
  mode: int(2),
  parents: flag(3),
  owner: nested(4, () => owner),
  timestamp: int(5),
});

const rm = message<OpRm>({ path: text(1), allowNotFound: flag(2), wildcard: flag(3) });

const symlink = message<OpSymlink>({
  oldPath: text(1),
  newPath: text(2),
  owner: nested(3, () => owner),
  timestamp: int(4),
});

const fileAction = message<OpFileAction>({
  input: int(1),
  secondaryInput: int(2),
  output: int(3),
  copy: nested(4, () => copy),
  mkfile: nested(5, () => mkfile),
  mkdir: nested(6, () => mkdir),
  rm: nested(7, () => rm),
  symlink: nested(8, () => symlink),
});

const file = message<FileOp>({ actions: repeated(2, () => fileAction) });

const build = message<BuildOp>({
  builder: int(1),
  inputs: map<OpIndex>(2, () => index),
  attrs: map<string>(4, "text"),
});

const merge = message<MergeOp>({ inputs: repeated(1, () => index) });

const diff = message<DiffOp>({ lower: nested(1, () => index), upper: nested(2, () => index) });

const passthrough = message<PassthroughOp>({ id: text(1), outputs: packedInts(2) });

const opInput = message<OpInput>({ digest: text(1), index: int(2) });

const workerConstraints = message<NonNullable<Op["constraints"]>>({ filter: texts(1) });

/** An op: Go writes the members of a oneof after all other fields, so they come last here. */
export const opMessage: Message<Op> = message<Op>({
  inputs: repeated(1, () => opInput),
  platform: nested(10, () => platform),
  constraints: nested(11, () => workerConstraints),
  exec: nested(2, () => exec),
  source: nested(3, () => source),
  file: nested(4, () => file),
  build: nested(5, () => build),
  merge: nested(6, () => merge),
  diff: nested(7, () => diff),
  passthrough: nested(8, () => passthrough),
});

interface OpSource {
  readonly source?: { readonly identifier?: string };
}

const sourceName = message<{ readonly identifier?: string }>({ identifier: text(1) });

/** No more of an op than what its source is called: the rest is passed over. */
export const opSourceMessage: Message<OpSource> = message<OpSource>({ source: nested(3, () => sourceName) });
