import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { clientKey, partitionOf } from "@saasaparilla/shared/protocol/notification.ts";
import { Client } from "pg";
import type { Stack } from "#tests/support/stack.ts";
import { Link } from "#bench/load/kafka-link.ts";
import { dataOf } from "#bench/load/load-publisher.ts";
import { Meters } from "#bench/load/meters.ts";
import { startPlatform } from "#bench/load/platform.ts";
import { Samples } from "#bench/load/samples.ts";
import type { Figures } from "#bench/results/figures.ts";
import { turn } from "#bench/results/interleave.ts";
import { recordCost } from "#bench/results/record.ts";

export interface InboxOptions {
  clients: number;
  /** Notifications a second. */
  rate: number;
  runs: number;
  seconds: number;
}

const WARM_SECONDS = 5;
const TICK_MS = 20;
const PROBE_MS = 5;

/** Writes notifications to accepted at a rate, until each is in the inbox of its client. */
export async function fillInboxes(figures: Figures, work: string, options: InboxOptions): Promise<void> {
  const stack = await startPlatform(["courier"], { INBOX_EVENTS: "*" });
  const meters = await Meters.of(stack);
  const load = await InboxLoad.of(stack, options);
  try {
    await load.run(WARM_SECONDS);
    for (let run = 0; run < options.runs; run += 1) {
      await turn();
      load.lag = new Samples();
      const before = load.sent;
      const end = await meters.begin();
      await load.run(options.seconds);
      const cost = await end();
      for (const [name, share] of [
        ["p50", 0.5],
        ["p99", 0.99],
        ["slowest", 1],
      ] as const)
        figures.note(work, `until it is in the inbox, ${name}`, load.lag.percentile(share), {
          unit: "ms",
          better: "lower",
          ...(name === "slowest" ? { aim: 1_000 } : {}),
        });
      recordCost(figures, work, cost, load.sent - before);
    }
  } finally {
    await load.close();
    await meters.close();
    await stack.close();
  }
}

class InboxLoad {
  readonly #link: Link;
  readonly #postgres: Client;
  readonly #table: string;
  readonly #options: InboxOptions;
  sent = 0;
  lag = new Samples();

  private constructor(link: Link, postgres: Client, table: string, options: InboxOptions) {
    this.#link = link;
    this.#postgres = postgres;
    this.#table = table;
    this.#options = options;
  }

  static async of(stack: Stack, options: InboxOptions): Promise<InboxLoad> {
    const postgres = new Client({ connectionString: stack.env.DATABASE_URL! });
    await postgres.connect();
    const link = await Link.open(
      stack,
      ({ routed }) => routed,
      () => undefined,
    );
    return new InboxLoad(link, postgres, `"${stack.namespace}".inbox_items`, options);
  }

  /** Resolves once all are in their inboxes. */
  async run(seconds: number): Promise<void> {
    const began = performance.now();
    const first = this.sent;
    let over = false;
    const probing = this.#probe(() => over);
    for (let elapsed = 0; elapsed < seconds; elapsed = (performance.now() - began) / 1_000) {
      this.#publish(Math.floor(elapsed * this.#options.rate) - (this.sent - first));
      await sleep(TICK_MS);
    }
    over = true;
    await probing;
    while ((await this.#rows()) < this.sent) await sleep(100);
  }

  async close(): Promise<void> {
    await this.#link.close();
    await this.#postgres.end();
  }

  /** Follows one notification at a time. */
  async #probe(over: () => boolean): Promise<void> {
    while (!over()) {
      const at = performance.now();
      const { client, id } = this.#add();
      while (!(await this.#holds(client, id))) await sleep(PROBE_MS);
      this.lag.add(performance.now() - at);
    }
  }

  #publish(count: number): void {
    for (let index = 0; index < count; index += 1) this.#add();
  }

  #add(): { client: string; id: string } {
    const { producer, topics, partitions } = this.#link;
    const client = clientKey("acme", `u${this.sent % this.#options.clients}`);
    const id = randomUUID();
    const payload = Buffer.from(dataOf(this.sent, 0), "latin1");
    producer.add(topics.accepted, partitionOf(client, partitions), (writer) =>
      writer.notification({ key: client, id, payload }),
    );
    this.sent += 1;
    return { client, id };
  }

  async #holds(client: string, id: string): Promise<boolean> {
    const { rowCount } = await this.#postgres.query({
      name: "probe",
      text: `select from ${this.#table} where client = $1 and id = $2`,
      values: [client, id],
    });
    return rowCount === 1;
  }

  async #rows(): Promise<number> {
    const { rows } = await this.#postgres.query<{ count: string }>(`select count(*) from ${this.#table}`);
    return Number(rows[0]!.count);
  }
}
