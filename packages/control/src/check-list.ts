import { InvalidArgumentError } from "@buildkit-node/core";

/** @throws {InvalidArgumentError} for what is no list; `undefined` stands for none */
export function checkList(argument: string, value: unknown): void {
  if (value === undefined || Array.isArray(value)) return;
  throw new InvalidArgumentError(argument, value, `${argument} is no list: write [ … ]`);
}
