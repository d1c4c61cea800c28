/**
 * Every `code` that an error of this SDK can carry. Codes are stable: messages may be reworded, codes may not.
 */
export type ErrorCode =
  /** An argument or option is wrong; nothing was sent. */
  | "ERR_BUILDKIT_INVALID_ARGUMENT"
  /** An address cannot be understood. */
  | "ERR_BUILDKIT_ADDRESS"
  /** No daemon could be reached. */
  | "ERR_BUILDKIT_CONNECT"
  /** An open connection was lost. */
  | "ERR_BUILDKIT_CONNECTION_LOST"
  /** The object was used after it was closed. */
  | "ERR_BUILDKIT_CLOSED"
  /** The peer answered a call with a gRPC status other than OK. */
  | "ERR_BUILDKIT_STATUS"
  /** The peer broke the protocol. */
  | "ERR_BUILDKIT_PROTOCOL"
  /** The daemon lacks a capability that the request needs. */
  | "ERR_BUILDKIT_UNSUPPORTED"
  /** A build failed. */
  | "ERR_BUILDKIT_SOLVE"
  /** Registry credentials or a token cannot be had. */
  | "ERR_BUILDKIT_AUTH"
  /** An SSH agent cannot be reached, or a key cannot be used. */
  | "ERR_BUILDKIT_SSH"
  /** A local file or directory that was to be sent cannot be read. */
  | "ERR_BUILDKIT_LOCAL_SOURCE"
  /** A result cannot be written to its destination. */
  | "ERR_BUILDKIT_DESTINATION"
  /** The session behind a build ended too early. */
  | "ERR_BUILDKIT_SESSION"
  /** Content does not have the digest or size that it should have. */
  | "ERR_BUILDKIT_CONTENT"
  /** A file of a result or of a container cannot be read. */
  | "ERR_BUILDKIT_FILE"
  /** An image cannot be resolved. */
  | "ERR_BUILDKIT_IMAGE"
  /** A container cannot be made, or a process in it cannot run. */
  | "ERR_BUILDKIT_CONTAINER"
  /** A frontend cannot build what it was given. */
  | "ERR_BUILDKIT_FRONTEND"
  /** An LLB graph or definition is not valid. */
  | "ERR_BUILDKIT_LLB"
  /** A private daemon could not be found or started. */
  | "ERR_BUILDKIT_DAEMON";

/** Marks the class across two copies of this package. */
const brand = Symbol.for("@buildkit-node/error");

/**
 * The base of every error that this SDK throws on purpose. `code` is stable, `cause` is what lay behind it;
 * the values involved are fields of the subclass, so that no caller needs to read the text.
 */
export class BuildkitError extends Error {
  override readonly name: string = "BuildkitError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options !== undefined && "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    Object.defineProperty(this, brand, { value: true });
  }

  /** True for an error of this SDK, also one made by another copy of it. */
  static is(value: unknown): value is BuildkitError {
    return typeof value === "object" && value !== null && brand in value;
  }
}

/** A wrong argument or option: names what was given and, where there is one, the way to mend it. */
export class InvalidArgumentError extends BuildkitError {
  override readonly name: string = "InvalidArgumentError";
  /** The name of the argument or option, as a caller writes it. */
  readonly argument: string;
  /** The value that was given. */
  readonly value: unknown;

  constructor(argument: string, value: unknown, message: string, options?: { readonly cause?: unknown }) {
    super("ERR_BUILDKIT_INVALID_ARGUMENT", message, options);
    this.argument = argument;
    this.value = value;
  }
}

/** The daemon lacks what a request needs; nothing was built. */
export class UnsupportedError extends BuildkitError {
  override readonly name: string = "UnsupportedError";
  /** What is missing: the id of a capability, or the name of a call. */
  readonly capability: string;

  constructor(capability: string, message: string, options?: { readonly cause?: unknown }) {
    super("ERR_BUILDKIT_UNSUPPORTED", message, options);
    this.capability = capability;
  }
}

/** The text of anything that was thrown. */
export function errorMessage(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
