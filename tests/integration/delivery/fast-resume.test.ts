import { expect, test } from "vitest";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { storedFor } from "#tests/support/stored-rows.ts";
import { startProxy } from "#tests/support/tcp-proxy.ts";
import { Publisher } from "#tests/support/publisher.ts";
import { startStack, type Service } from "#tests/support/stack.ts";
import { Subscriber } from "#tests/support/subscriber.ts";
import { TRANSPORTS } from "#tests/support/raw-transports.ts";

/** The Postgres reads of this distributor for replays. */
const pages = (distributor: Service): Promise<number> => scrapeMetric(distributor, "replay_query_pages_sum");

test.for(TRANSPORTS)(
  "R3, R33: %s: an up-to-date client becomes live without a Postgres read, even in an outage; one page costs one read",
  async (transport) => {
    const database = new URL(process.env.DATABASE_URL!);
    const proxy = await startProxy(`${database.hostname}:${database.port}`);
    const proxied = new URL(database);
    proxied.host = proxy.address;
    const stack = await startStack({ services: ["receiver", "director"] });
    try {
      // Rule out other reads: the reconciler, and a handover that is slow on a busy machine.
      const quiet = { SAFETY_NET_MS: "600000", PREPARE_MS: "30000" };
      const env = { DATABASE_URL: proxied.href, DRAIN_MS: "0", POLL_GRACE_MS: "500", ...quiet };
      const distributor = await stack.start("distributor", env);
      const publisher = await Publisher.of(stack);
      const client = "comes-back";
      const subscriber = await Subscriber.of(stack, { client, transport });
      const settled = () =>
        expect.poll(() => scrapeMetric(stack.services[1]!, "notifications_unsettled"), { interval: 20 }).toBe(0);
      const gone = () => expect.poll(() => scrapeMetric(distributor, "connections"), { interval: 20 }).toBe(0);
      const live = () =>
        expect.poll(() => scrapeMetric(distributor, "sessions", 'state="LIVE"'), { interval: 20 }).toBe(1);

      /**
       * Connects, gets five notifications that are published after "live" (earlier ones might be stored), and leaves
       * up to date.
       */
      const visit = async (): Promise<void> => {
        await subscriber.connect(distributor);
        await live();
        await publisher.number(client, 5);
        await subscriber.all(publisher);
        await settled();
        await subscriber.close();
        await gone();
      };

      await visit();
      expect(await pages(distributor)).toBe(1);
      await proxy.set("refuse");
      await visit();
      expect(await pages(distributor)).toBe(1);

      await proxy.set("pass");
      await publisher.number(client, 5);
      await storedFor(stack, [client], 5);
      await visit();
      expect(await pages(distributor)).toBe(2);
      expect(subscriber.duplicates).toBe(0);
      expect(subscriber.frames.some(({ type }) => type === "replay_pending")).toBe(false);
    } finally {
      await stack.close();
      await proxy.close();
    }
  },
);
