import { setTimeout as sleep } from "node:timers/promises";
import { Dispatch } from "#tests/support/dispatch.ts";
import type { Service, Stack } from "#tests/support/stack.ts";
import { LoadClients } from "#bench/load/load-clients.ts";
import { LoadPublisher } from "#bench/load/load-publisher.ts";
import { Meters, type Cost } from "#bench/load/meters.ts";
import { startPlatform } from "#bench/load/platform.ts";
import { Samples } from "#bench/load/samples.ts";
import type { Figures } from "#bench/results/figures.ts";
import { INSPECTED, profiled, type Profile } from "#bench/results/profiler.ts";
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
  /** Also beside a group of another platform on the same stores, which shows the machine's part. */
  elsewhere?: boolean;
  profile?: ((kind: string, profile: Profile) => void) | undefined;
}

const WARM_SECONDS = 6;
/** The interval of production. Tests refresh 25 times as often. */
const SETTINGS = { ACCESS_REFRESH_MS: "5000" };
const WARM_MEMBERS = 50_000;
const SMALL = 5;
/** The interval of publications to the small group while the large one runs. */
const SMALL_EVERY_MS = 5_000;

/** A tenant with a large group of offline members, and a small group. */
class Crowd {
  readonly #dispatch: Dispatch;
  readonly #members: number;
  /** ms until all of the small group were written, for each publication. */
  readonly small: number[] = [];

  private constructor(stack: Stack, members: number) {
    this.#dispatch = new Dispatch(stack, "other");
    this.#members = members;
  }

  static async of(stack: Stack, members: number): Promise<Crowd> {
    const crowd = new Crowd(stack, members);
    await crowd.#dispatch.fill("crowd", members);
    await crowd.#dispatch.fill("warm", Math.min(members, WARM_MEMBERS), "warm");
    await crowd.#dispatch.fill("five", SMALL, "five");
    await crowd.#dispatch.query("analyze $schema.members");
    return crowd;
  }

  /** Publishes to the large group and calls `meanwhile` until each member is settled. Returns the seconds. */
  settle(meanwhile: () => Promise<void>): Promise<number> {
    return this.#settle("crowd", this.#members, meanwhile);
  }

  /** The first pages of new processes are slow. */
  async warm(meanwhile: () => Promise<void>): Promise<void> {
    await this.#settle("warm", Math.min(this.#members, WARM_MEMBERS), meanwhile);
    await this.clear();
  }

  async #settle(group: string, members: number, meanwhile: () => Promise<void>): Promise<number> {
    const before = await this.#stored();
    const began = performance.now();
    const [id] = await this.#dispatch.publish({ to: { group } });
    const settled = { at: 0, smalls: 0 };
    const probing = (async () => {
      while (settled.at === 0) {
        await sleep(SMALL_EVERY_MS);
        const at = performance.now();
        const [five] = await this.#dispatch.publish({ to: { group: "five" } });
        await this.#dispatch.ended(five!);
        this.small.push(performance.now() - at);
        settled.smalls += SMALL;
      }
    })();
    while (settled.at === 0) {
      await meanwhile();
      if ((await this.#stored()) - before >= members) settled.at = performance.now();
    }
    await probing;
    await this.#dispatch.ended(id!);
    if ((await this.#stored()) - before < members + settled.smalls) await sleep(2_000);
    return (settled.at - began) / 1_000;
  }

  /** Call it after `settle`, outside of the measurement. */
  async clear(): Promise<void> {
    this.small.length = 0;
    await this.#dispatch.query("delete from $schema.stored_notifications where client like 'other/%'");
  }

  close(): Promise<void> {
    return this.#dispatch.close();
  }

  async #stored(): Promise<number> {
    const [row] = await this.#dispatch.query<{ stored: string }>(
      "select coalesce(sum(notifications), 0) as stored from $schema.tenant_stored where tenant = 'other'",
    );
    return Number(row!.stored);
  }
}

/** Publishes to offline members until each is settled, beside another tenant and a small group. */
export async function fanOut(figures: Figures, work: string, options: FanOutOptions): Promise<void> {
  const { members, rate, seconds, runs } = options;
  const stack = await startPlatform(["receiver", "director", "distributor", "dispatcher"], {
    ...SETTINGS,
    ...(options.profile ? INSPECTED : {}),
  });
  const [receiver, , distributor] = stack.services as [Service, Service, Service];
  const other = options.elsewhere ? await startPlatform(["director", "dispatcher"], SETTINGS) : undefined;
  const crowd = await Crowd.of(stack, members);
  const elsewhere = other && (await Crowd.of(other, members));
  const clients = new LoadClients({
    url: webSocketOf(distributor),
    tokens: await tokensOf(stack, options.clients),
    sampleEvery: 1,
  });
  const token = await stack.token({ publisher: "load" });
  const publisher = new LoadPublisher({ url: receiver.url, token, clients: options.clients });
  const meters = await Meters.of(stack);
  const measure = async <T>(run: () => Promise<T>): Promise<{ p99: number; cost: Cost; result: T }> => {
    clients.latency = new Samples();
    const end = await meters.begin();
    const result = await run();
    const cost = await end();
    return { p99: clients.latency.percentile(0.99), cost, result };
  };
  const load = (): Promise<void> => publish(publisher, clients, rate, 1);
  const lower = (name: string, value: number, unit: string, aim?: number): void =>
    figures.note(work, name, value, { unit, better: "lower", ...(aim === undefined ? {} : { aim }) });
  try {
    await clients.open();
    await clients.allLive();
    await publish(publisher, clients, rate, WARM_SECONDS);
    await crowd.warm(load);
    await elsewhere?.warm(load);
    if (options.profile) {
      await profiled(stack.services, options.profile, async () => void (await crowd.settle(load)));
      await crowd.clear();
    }
    for (let run = 0; run < runs; run += 1) {
      await turn();
      const alone = await measure(async () => {
        // The same as beside the group: the publisher starts again each second.
        for (let second = 0; second < seconds; second += 1) await load();
      });
      const beside = await measure(() => crowd.settle(load));
      lower("all settled", beside.result, "s", 120);
      lower("group of five, slowest", Math.max(0, ...crowd.small), "ms", 2_000);
      lower("another tenant, p99 alone", alone.p99, "ms");
      lower("another tenant, p99 beside it", beside.p99, "ms");
      lower("another tenant, p99 beside by alone", beside.p99 / alone.p99, "times", 1.5);
      for (const kind of ["dispatcher", "director", "Postgres", "Kafka"]) {
        // The other tenant and idle services cost the same per second as before.
        const rest = cpuOf(alone.cost, kind) * (beside.cost.seconds / alone.cost.seconds);
        const each = ((cpuOf(beside.cost, kind) - rest) / members) * 1e6;
        lower(`${kind}, each member`, each, "CPU us", kind === "dispatcher" ? 8 : undefined);
      }
      await crowd.clear();
      if (!elsewhere) continue;
      const there = await measure(() => elsewhere.settle(load));
      lower("another tenant, p99 beside another platform's by alone", there.p99 / alone.p99, "times");
      await elsewhere.clear();
    }
    await clients.all(publisher.accepted);
    checkDelivery(clients, publisher.refused);
  } finally {
    publisher.close();
    await clients.close();
    await meters.close();
    await crowd.close();
    await elsewhere?.close();
    await other?.close();
    await stack.close();
  }
}

function cpuOf(cost: Cost, kind: string): number {
  return Object.entries(cost.cpu).find(([name]) => name.toLowerCase() === kind.toLowerCase())?.[1] ?? 0;
}
