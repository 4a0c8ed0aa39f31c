import { connect, type Connection, type Status } from "@saasaparilla/client";
import { deepEqual } from "node:assert/strict";
import { expect } from "vitest";
import type { Publisher } from "./publisher.ts";
import type { Stack } from "./stack.ts";
import { TRANSPORTS } from "./raw-transports.ts";

/** The observations of one client of the library. */
export interface Member {
  client: string;
  transport: (typeof TRANSPORTS)[number];
  connection: Connection;
  received: string[];
  statuses: (Status & { at: number })[];
}

/** Many clients of the library, without jitter: each reconnects exactly when told to, and otherwise at once. */
export class ClientLibraryCrowd {
  readonly members: Member[];

  private constructor(members: Member[]) {
    this.members = members;
  }

  /** Connects all in one turn of the event loop. With `auto` the library itself chooses WebSocket. */
  static async connect(
    stack: Stack,
    url: string,
    clients: readonly string[],
    { auto = false } = {},
  ): Promise<ClientLibraryCrowd> {
    const tokens = await Promise.all(clients.map((client) => stack.token({ client })));
    return new ClientLibraryCrowd(clients.map((client, index) => join(client, index, tokens[index]!)));

    function join(client: string, index: number, token: string): Member {
      const transport = TRANSPORTS[index % TRANSPORTS.length]!;
      const received: string[] = [];
      const statuses: Member["statuses"] = [];
      const connection = connect({
        url,
        token,
        transport: auto && transport === "websocket" ? "auto" : transport,
        random: () => 0,
        onNotification: ({ id }) => void received.push(id),
        onState: (status) => statuses.push({ ...status, at: performance.now() }),
      });
      return { client, transport, connection, received, statuses };
    }
  }

  /** The waits of these transports with this text in their reason. */
  waits(text: string, ...transports: Member["transport"][]): { delay: number; at: number }[] {
    return this.members
      .filter(({ transport }) => transports.length === 0 || transports.includes(transport))
      .flatMap(({ statuses }) =>
        statuses.filter((status) => status.state === "waiting" && status.reason?.text.includes(text)),
      )
      .map(({ delay, at }) => ({ delay: delay!, at }));
  }

  /** When each connection opened, as its client saw it. */
  get opened(): number[] {
    return this.members.flatMap(({ statuses }) =>
      statuses.filter(({ state }) => state === "replaying").map(({ at }) => at),
    );
  }

  async close(): Promise<void> {
    await Promise.all(this.members.map(({ connection }) => connection.close()));
  }
}

/** A poll is live from its first empty answer; while notifications keep arriving, it only needs to be connected. */
export async function allLive({ members }: ClientLibraryCrowd, { quiet = true } = {}): Promise<void> {
  const there = ({ connection: { state, transport } }: Member): boolean =>
    state === "live" || (!quiet && transport === "poll" && state === "replaying");
  const others = (): unknown[] => members.filter((member) => !there(member)).map(({ statuses }) => statuses.at(-1));
  await expect.poll(others, { interval: 50 }).toEqual([]);
}

/** Checks that each client has everything that was accepted for it, once and in order. */
export async function allReceived({ members }: ClientLibraryCrowd, publisher: Publisher): Promise<void> {
  const missing = (): string[] =>
    members
      .filter(({ client, received }) => received.length < publisher.accepted(client).length)
      .map(({ client }) => client);
  await expect.poll(missing, { interval: 50 }).toEqual([]);
  for (const { client, received } of members) deepEqual(received, publisher.accepted(client));
}
