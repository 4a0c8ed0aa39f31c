import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Bearer } from "#tests/support/tokens.ts";
import type { Target } from "./target.ts";

const CLIENTS = 60;
/** The noisy tenant. */
const LOUD = "loud";

/** The answers to its requests: the number of each status. */
export type Answers = Readonly<Record<string, number>>;

export interface Neighbour {
  /** Resolves once it has ended. */
  end(): Promise<Answers>;
}

export interface Place {
  receiver: string;
  distributor: string;
  token(bearer: Bearer): Promise<string>;
  /** Requests a second. */
  rate: number;
}

/** A tenant that does its worst in one of the ways of neighbour-loads.ts. */
export async function startNeighbour(means: string, { receiver, distributor, token, rate }: Place): Promise<Neighbour> {
  const target: Target = {
    receiver,
    distributor,
    rate,
    publisher: await token({ publisher: "loud", tenant: LOUD }),
    clients: await Promise.all(
      Array.from({ length: CLIENTS }, (_, index) => token({ client: `client-${index}`, tenant: LOUD })),
    ),
  };
  const child = fork(join(import.meta.dirname, "main.ts"));
  child.send({ means, target });
  return {
    async end() {
      child.send("end");
      const [answers] = (await once(child, "message")) as [Answers];
      if (child.exitCode === null) await once(child, "exit");
      return answers;
    },
  };
}
