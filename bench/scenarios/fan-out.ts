import { setTimeout as sleep } from "node:timers/promises";
import { Dispatch } from "#tests/support/dispatch.ts";
import type { Service } from "#tests/support/stack.ts";
import { LoadClients } from "#bench/load/load-clients.ts";
import { LoadPublisher } from "#bench/load/load-publisher.ts";
import { Meters } from "#bench/load/meters.ts";
import { startPlatform } from "#bench/load/platform.ts";
import { Samples } from "#bench/load/samples.ts";
import type { Figures } from "#bench/results/figures.ts";
import { turn } from "#bench/results/interleave.ts";
import { checkDelivery } from "#bench/results/record.ts";
import { publish, tokensOf, webSocketOf } from "./saturation.ts";

export interface FanOutOptions {
  members: number;
  /** Connected clients of another tenant, and notifications a second to them. */
  clients: number;
  rate: number;
  runs: number;
  seconds: number;
}

const WARM_SECONDS = 6;
const SMALL = 5;
/** A publication to a small group, while the large one runs. */
const SMALL_EVERY_MS = 5_000;
const LOOK_MS = 250;

/** A group whose members are away, until each is settled; another tenant and a small group beside it. */
export async function fanOut(figures: Figures, work: string, options: FanOutOptions): Promise<void> {
  const { members, rate, seconds, runs } = options;
  const stack = await startPlatform(["receiver", "director", "distributor", "dispatcher"]);
  const [receiver, , distributor] = stack.services as [Service, Service, Service];
  const dispatch = new Dispatch(stack, "other");
  const clients = new LoadClients({
    url: webSocketOf(distributor),
    tokens: await tokensOf(stack, options.clients),
    sampleEvery: 1,
  });
  const token = await stack.token({ publisher: "load" });
  const publisher = new LoadPublisher({ url: receiver.url, token, clients: options.clients });
  const meters = await Meters.of(stack);
  const stored = async (): Promise<number> => {
    const [row] = await dispatch.query<{ stored: string }>(
      "select coalesce(sum(notifications), 0) as stored from $schema.tenant_stored where tenant = 'other'",
    );
    return Number(row!.stored);
  };
  const p99Of = async (run: () => Promise<void>): Promise<number> => {
    clients.latency = new Samples();
    await run();
    return clients.latency.percentile(0.99);
  };
  try {
    await dispatch.fill("crowd", members);
    await dispatch.fill("five", SMALL, "five");
    await dispatch.query("analyze $schema.members");
    await clients.open();
    await clients.allLive();
    await publish(publisher, clients, rate, WARM_SECONDS);
    for (let run = 0; run < runs; run += 1) {
      await turn();
      const alone = await p99Of(() => publish(publisher, clients, rate, seconds));
      const before = await stored();
      const small: number[] = [];
      const end = await meters.begin();
      const began = performance.now();
      const [id] = await dispatch.publish({ to: { group: "crowd" } });
      const large = { settled: 0 };
      const beside = await p99Of(async () => {
        let smalls = 0;
        const probing = (async () => {
          while (large.settled === 0) {
            await sleep(SMALL_EVERY_MS);
            const at = performance.now();
            const [five] = await dispatch.publish({ to: { group: "five" } });
            await dispatch.ended(five!);
            small.push(performance.now() - at);
            smalls += SMALL;
          }
        })();
        while (large.settled === 0) {
          await publish(publisher, clients, rate, 1);
          if ((await stored()) - before >= members) large.settled = performance.now();
          else await sleep(LOOK_MS / 25);
        }
        await probing;
        await dispatch.ended(id!);
        if ((await stored()) - before < members + smalls) await sleep(2_000);
      });
      const cost = await end();
      const lower = (name: string, value: number, unit: string, aim?: number): void =>
        figures.note(work, name, value, { unit, better: "lower", ...(aim === undefined ? {} : { aim }) });
      lower("all settled", (large.settled - began) / 1_000, "s", 120);
      lower("group of five, slowest", Math.max(0, ...small), "ms", 2_000);
      lower("another tenant, p99 alone", alone, "ms");
      lower("another tenant, p99 beside it", beside, "ms");
      lower("another tenant, p99 beside by alone", beside / alone, "times", 1.5);
      for (const kind of ["dispatcher", "director", "Postgres", "Kafka"]) {
        const cpu = Object.entries(cost.cpu).find(([name]) => name.toLowerCase() === kind.toLowerCase())?.[1] ?? 0;
        lower(`${kind}, each member`, (cpu / members) * 1e6, "CPU us", kind === "dispatcher" ? 8 : undefined);
      }
      await dispatch.query("delete from $schema.stored_notifications where client like 'other/%'");
    }
    await clients.all(publisher.accepted);
    checkDelivery(clients, publisher.refused);
  } finally {
    publisher.close();
    await clients.close();
    await meters.close();
    await dispatch.close();
    await stack.close();
  }
}
