import { type Definition, type MarshalOptions, marshal, resolve } from "@buildkit-node/llb";
import type { Platform } from "@buildkit-node/oci";
import { stepOptions } from "./constraints.ts";
import type { Option, StateValue } from "./values.ts";

/** The machine of the reference: the platform where none is given. */
export const host: Platform = { os: "linux", architecture: "amd64" };

/** Marshals a state with the options that were kept with it, and then those given here. */
export async function marshalValue(
  value: StateValue,
  options: readonly Option[],
  given: Pick<MarshalOptions, "caps"> = {},
): Promise<Definition> {
  const step = await stepOptions([...value.defaults, ...options]);
  const whole = { ...step, ...given, platform: step.platform ?? host };
  return marshal(await resolve(await value.force(), whole), whole);
}
