import { BuildkitError } from "@buildkit-node/core";

/** An address that cannot be understood. */
export class AddressError extends BuildkitError {
  override readonly name: string = "AddressError";
  /** What was given, without a password that it may have held. */
  readonly address: string;

  constructor(address: string, problem: string, options?: { readonly cause?: unknown }) {
    const shown = withoutPassword(address);
    super("ERR_BUILDKIT_ADDRESS", `cannot use the address ${JSON.stringify(shown)}: ${problem}`, options);
    this.address = shown;
  }
}

/**
 * Takes out what stands between the first colon of a login and the last `@`, which may be part of a password itself; also
 * where the scheme is missing.
 */
function withoutPassword(text: string): string {
  return text.replace(/((?:\/\/|^)[^:@/]*):(?!\/\/).*@/s, "$1@");
}
