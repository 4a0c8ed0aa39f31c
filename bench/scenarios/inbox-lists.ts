import { Agent, request } from "node:http";
import { randomUUID } from "node:crypto";
import { connectPostgres } from "@saasaparilla/shared/postgres/client.ts";
import { Health } from "@saasaparilla/shared/runtime/health.ts";
import { createLog } from "@saasaparilla/shared/runtime/log.ts";
import { ItemStore } from "#services/courier/inbox/item-store.ts";
import { MarkStore } from "#services/courier/lists/mark-store.ts";
import { itemOf } from "#tests/support/inbox-items.ts";
import type { Stack } from "#tests/support/stack.ts";
import { dataOf } from "#bench/load/load-publisher.ts";
import { Meters } from "#bench/load/meters.ts";
import { startPlatform } from "#bench/load/platform.ts";
import { Samples } from "#bench/load/samples.ts";
import type { Figures } from "#bench/results/figures.ts";
import { turn } from "#bench/results/interleave.ts";

export interface ListOptions {
  clients: number;
  /** Items of each inbox, of which a fourth is marked. */
  items: number;
  /** The items of a page. */
  limit: number;
  runs: number;
  seconds: number;
  /** ms. */
  aim?: number;
}

const BATCH = 500;
const BYTES = 200;
const WARM_SECONDS = 5;

/** Lists full inboxes over HTTP, one request at a time. */
export async function listInboxes(figures: Figures, work: string, options: ListOptions): Promise<void> {
  const stack = await startPlatform(["courier"], { INBOX_EVENTS: "*" });
  const meters = await Meters.of(stack);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  try {
    await fill(stack, options);
    const lists = await Lists.of(stack, agent, options);
    await lists.run(WARM_SECONDS);
    for (let run = 0; run < options.runs; run += 1) {
      await turn();
      lists.took = new Samples();
      const end = await meters.begin();
      const count = await lists.run(options.seconds);
      const { cpu } = await end();
      const lower = (name: string, value: number, unit: string, aim?: number): void =>
        figures.note(work, name, value, { unit, better: "lower", ...(aim === undefined ? {} : { aim }) });
      lower("a list, p50", lists.took.percentile(0.5), "ms");
      lower("a list, p99", lists.took.percentile(0.99), "ms", options.aim);
      lower("a list, slowest", lists.took.percentile(1), "ms");
      for (const name of ["courier", "postgres", "load"])
        if (cpu[name] !== undefined) lower(name, (cpu[name] / count) * 1e3, "CPU ms each");
    }
  } finally {
    agent.destroy();
    await meters.close();
    await stack.close();
  }
}

/** Twice as many rows as the list shows: trimming is rare, so real inboxes have more rows, too. */
async function fill(stack: Stack, { clients, items }: ListOptions): Promise<void> {
  const log = createLog("bench", "warn");
  const postgres = connectPostgres(stack.env.DATABASE_URL!, { service: "bench", log, health: new Health([]) });
  const [store, marks] = [new ItemStore(postgres, stack.namespace), new MarkStore(postgres, stack.namespace)];
  const data = Buffer.from(
    JSON.stringify({ text: dataOf(0, 0).padEnd(BYTES, "x").slice(0, BYTES).replaceAll('"', "x") }),
  );
  try {
    for (let client = 0; client < clients; client += 1) {
      for (let from = 0; from < items * 2; from += BATCH) {
        const rows = Array.from({ length: BATCH }, (_, index) =>
          itemOf(`u${client}`, from + index, { data, id: randomUUID() }),
        );
        await store.insert(rows);
        const ids = rows.filter((_, index) => index % 4 === 0).map(({ id }) => id);
        await marks.write(rows[0]!.client, "read", { ids });
      }
    }
    await postgres.pool.query(`analyze "${stack.namespace}".inbox_items, "${stack.namespace}".inbox_marks`);
  } finally {
    await postgres.close();
  }
}

class Lists {
  readonly #url: string;
  readonly #agent: Agent;
  readonly #limit: number;
  readonly #tokens: readonly string[];
  took = new Samples();

  private constructor(url: string, agent: Agent, limit: number, tokens: readonly string[]) {
    this.#url = url;
    this.#agent = agent;
    this.#limit = limit;
    this.#tokens = tokens;
  }

  static async of(stack: Stack, agent: Agent, { clients, limit }: ListOptions): Promise<Lists> {
    const tokens = Array.from({ length: clients }, (_, client) => stack.token({ client: `u${client}` }));
    return new Lists(stack.services[0]!.url, agent, limit, await Promise.all(tokens));
  }

  /** Returns the number of lists. */
  async run(seconds: number): Promise<number> {
    const until = performance.now() + seconds * 1_000;
    let count = 0;
    for (; performance.now() < until; count += 1) {
      const at = performance.now();
      const bytes = await this.#list(this.#tokens[count % this.#tokens.length]!);
      this.took.add(performance.now() - at);
      if (bytes < this.#limit * BYTES) throw new Error(`A list has only ${bytes} bytes: the measurement is invalid.`);
    }
    return count;
  }

  #list(token: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const options = { agent: this.#agent, headers: { authorization: `Bearer ${token}` } };
      request(`${this.#url}/v1/inbox?limit=${this.#limit}`, options, (answer) => {
        let bytes = 0;
        answer.on("data", (part: Buffer) => (bytes += part.length));
        answer.on("end", () => {
          if (answer.statusCode === 200) resolve(bytes);
          else reject(new Error(`A list was answered ${answer.statusCode}.`));
        });
      })
        .on("error", reject)
        .end();
    });
  }
}
