import { execFile } from "node:child_process";
import { randomInt } from "node:crypto";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { errorMessage } from "@buildkit-node/core";
import { DaemonError } from "./daemon-error.ts";

/** A network bridge for one engine. */
export interface Bridge {
  readonly name: string;
  remove(): Promise<void>;
}

const run = promisify(execFile);

/**
 * Makes a bridge with a private subnet that the machine does not use. Its name tells the subnet, so that of two who
 * choose the same one only the first succeeds, and the other tries the next.
 */
export async function createBridge(ip: string): Promise<Bridge> {
  const taken = parseRoutes(await readFile("/proc/net/route", "utf8"));
  let failure: unknown;
  for (const subnet of candidates(taken)) {
    const name = `bk-${subnet.join("-")}`;
    try {
      await run(ip, ["link", "add", "name", name, "type", "bridge"]);
    } catch (error) {
      failure = error;
      if (/exists/i.test(errorMessage(error))) continue;
      break;
    }
    const bridge: Bridge = { name, remove: () => run(ip, ["link", "delete", name]).then(() => {}) };
    try {
      await run(ip, ["addr", "add", `${subnet.join(".")}.1/24`, "dev", name]);
      await run(ip, ["link", "set", name, "up"]);
      return bridge;
    } catch (error) {
      await bridge.remove();
      failure = error;
      break;
    }
  }
  const problem =
    failure === undefined ? "every private subnet tried is in use" : errorMessage(failure).trim();
  throw new DaemonError(`cannot make a network bridge for dockerd: ${problem}`, {
    program: "ip",
    cause: failure,
  });
}

/** A route's destination, as numbers that can be compared with `&`. */
export interface Route {
  readonly network: number;
  readonly mask: number;
}

type Subnet = readonly [number, number, number];

/** The destinations in the kernel's table (`/proc/net/route`), without the default route. */
export function parseRoutes(table: string): Route[] {
  return table
    .split("\n")
    .slice(1)
    .map((line) => line.split("\t"))
    .flatMap(([, destination, , , , , , mask]) =>
      destination === undefined || mask === undefined
        ? []
        : [{ network: fromLittleEndian(destination), mask: fromLittleEndian(mask) }],
    )
    .filter((route) => route.mask !== 0);
}

/** Private subnets of 256 addresses that no route touches, from a random one on. */
export function* candidates(taken: readonly Route[]): Generator<Subnet> {
  const first = randomInt(256);
  for (const [a, b] of [
    [10, 201],
    [172, 29],
    [192, 168],
  ] as const) {
    for (let step = 0; step < 256; step++) {
      const subnet: Subnet = [a, b, (first + step) % 256];
      if (!taken.some((route) => overlaps(subnet, route))) yield subnet;
    }
  }
}

function overlaps([a, b, c]: Subnet, route: Route): boolean {
  const network = ((a << 24) | (b << 16) | (c << 8)) >>> 0;
  const common = (route.mask & 0xffffff00) >>> 0;
  return (network & common) >>> 0 === (route.network & common) >>> 0;
}

function fromLittleEndian(hex: string): number {
  return Buffer.from(hex, "hex").readUInt32LE(0);
}
