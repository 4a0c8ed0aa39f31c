import { setTimeout as sleep } from "node:timers/promises";
import type { Asking } from "./measured-tenant.ts";
import type { Target } from "./target.ts";

export type Means = (target: Target, asking: Asking) => Promise<void>;

const line = (client: string, data: string): string => `{"to":{"client":"${client}"},"ttl":60,"data":${data}}`;
const batch = (client: string, items: number, data = "1"): string =>
  Array.from({ length: items }, () => line(client, data)).join("\n");

const LARGE = JSON.stringify("x".repeat(60_000));
const UNSIGNED = (n: number): string =>
  `e30.${Buffer.from(JSON.stringify({ tenant: "loud", sub: `s${n}` })).toString("base64url")}.c2lnbmVkIGJ5IG5vYm9keQ`;

/** The ways of one tenant to disturb the others; each repeats after its answer. */
export const MEANS: Readonly<Record<string, Means>> = {
  "publishes at its limit": ({ publisher }, asking) =>
    asking.often(8, (n) => asking.publish(publisher, batch(`absent-${n % 50}`, 100))),

  "large bodies": ({ publisher }, asking) =>
    asking.often(4, (n) => asking.publish(publisher, batch(`large-${n % 50}`, 10, LARGE))),

  "refused bodies": ({ publisher }, asking) =>
    asking.often(4, (n) => asking.publish(publisher, `${batch(`refused-${n % 50}`, 200)}\n{"to":`)),

  "clients that never acknowledge": async ({ publisher, clients }, asking) => {
    await Promise.all(clients.map((token) => asking.stream(token, "/v1/sse?ack=explicit")));
    await asking.often(4, (n) => asking.publish(publisher, batch(`client-${n % clients.length}`, 500)));
  },

  "connects and disconnects": ({ clients }, asking) =>
    asking.often(16, async (n) => {
      const stream = await asking.stream(clients[n % clients.length]!, "/v1/sse?ack=explicit");
      await sleep(20);
      stream?.destroy();
    }),

  replays: async ({ publisher, clients }, asking) => {
    for (const index of clients.keys()) await asking.publish(publisher, batch(`client-${index}`, 200));
    await asking.often(16, async (n) => {
      const stream = await asking.stream(clients[n % clients.length]!, "/v1/sse?ack=explicit");
      await sleep(100);
      stream?.destroy();
    });
  },

  "bad tokens": (_, asking) =>
    asking.often(8, async (n) => {
      if (n % 2 === 0) await asking.publish(UNSIGNED(n), batch("c", 1));
      else (await asking.stream(UNSIGNED(n), "/v1/sse"))?.destroy();
    }),
};
