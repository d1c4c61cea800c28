import { createInterface } from "node:readline";
import type { Client } from "@buildkit-node/control";
import type { Container, ContainerProcess, Gateway, Reference } from "@buildkit-node/gateway";
import { testRoot } from "./test-root.ts";

export interface ManyProcesses {
  readonly containers: number;
  readonly perContainer: number;
}

/** Lines that each process is asked for. */
const rounds = 3;

/**
 * Runs containers side by side, and processes side by side in each of them. In each round the processes of a container are
 * spoken to one after another: each answers before the next is asked. The last of a container ends with a code of its own.
 *
 * @returns how many ended
 * @throws for an answer or a code that is not the right one
 */
export async function runManyProcesses(client: Client, load: ManyProcesses): Promise<number> {
  const root = await testRoot();
  let ended = 0;
  await client.build(
    async (gateway) => {
      const ref = await gateway.solve(root.state);
      const places = Array.from({ length: load.containers }, (_, place) => place);
      const counts = await Promise.all(places.map((place) => inContainer(gateway, ref, place, load)));
      ended = counts.reduce((sum, count) => sum + count, 0);
    },
    { locals: root.locals, internal: true },
  );
  return ended;
}

async function inContainer(gateway: Gateway, ref: Reference, place: number, { perContainer }: ManyProcesses) {
  await using container = await gateway.newContainer({ mounts: [{ target: "/", ref }] });
  await container.start({ args: ["/bin/sleep", "600"], env });
  const talks: Talk[] = [];
  for (let turn = 0; turn < perContainer; turn++) talks.push(await Talk.start(container, `${place}-${turn}`));
  for (let round = 0; round < rounds; round++) {
    for (const talk of talks) await talk.ask(`${round}`);
  }
  await Promise.all(talks.slice(0, -1).map((talk) => talk.end(0)));
  await talks.at(-1)?.end((place % 254) + 1);
  return talks.length;
}

const env = { PATH: "/bin" };

/** A process that answers each line with its name and the line, on both outputs, and ends with the code it is told. */
class Talk {
  readonly #name: string;
  readonly #process: ContainerProcess;
  readonly #answers: AsyncIterator<string>;
  readonly #complaints: AsyncIterator<string>;

  constructor(name: string, process: ContainerProcess) {
    this.#name = name;
    this.#process = process;
    this.#answers = createInterface(process.stdout)[Symbol.asyncIterator]();
    this.#complaints = createInterface(process.stderr)[Symbol.asyncIterator]();
  }

  static async start(container: Container, name: string): Promise<Talk> {
    const script = `while read x; do [ "\${x#exit }" = "$x" ] || $x; echo ${name} $x; echo ${name} $x >&2; done`;
    return new Talk(name, await container.start({ args: ["/bin/sh", "-c", script], env, stdin: true }));
  }

  async ask(line: string): Promise<void> {
    this.#process.stdin?.write(`${line}\n`);
    for (const output of [this.#answers, this.#complaints]) {
      const { value } = await output.next();
      if (value !== `${this.#name} ${line}`)
        throw new Error(`${this.#name} was asked ${line} and said ${value}`);
    }
  }

  async end(code: number): Promise<void> {
    this.#process.stdin?.end(`exit ${code}\n`);
    for (const output of [this.#answers, this.#complaints]) {
      const { done, value } = await output.next();
      if (done !== true) throw new Error(`${this.#name} said ${value} after its end`);
    }
    const { code: told } = await this.#process.exited;
    if (told !== code) throw new Error(`${this.#name} ended with ${told}, not with ${code}`);
  }
}
