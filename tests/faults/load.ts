import { setTimeout as sleep } from "node:timers/promises";
import { SeededRandom } from "#tests/support/seeded-random.ts";
import { LoadClient, WAYS, type Habit } from "./client.ts";
import type { History } from "./history.ts";
import type { Platform } from "./platform.ts";
import { LoadPublisher, REPEATS } from "./publish.ts";
import type { Note } from "./recipients.ts";

export interface LoadOptions {
  /** A part of every client's name, so that loads share no clients. */
  name: string;
  seed: number;
  clients: number;
  /** Notifications a second in total. */
  rate: number;
  /** The number of clients with each habit, of every ten. The rest are steady. */
  habits: Partial<Record<Habit, number>>;
  /** Approximate bytes of each notification's data. */
  bytes?: number;
  pollSeconds?: number;
  /** The percentage that may expire after a few seconds. */
  expiring?: number;
}

const TENANTS = ["acme", "globex"];
const BYTES = 100;
/** The limit of bytes in one request: far below a receiver's, even if each notification has half as much again. */
const MOST_AT_ONCE = 400;
const MOST_BYTES_AT_ONCE = 1 << 20;
/** The limit of bytes a second: larger notifications are published less often. */
const MOST_BYTES_A_SECOND = 8 << 20;
/** The interval at which clients notice silence and follow their habits. */
const TICK_MS = 200;

/** Clients of two tenants under the same names, over every transport and of every habit, and publishers for them. */
export class Load {
  readonly clients: LoadClient[] = [];
  readonly #history: History;
  readonly #options: LoadOptions;
  readonly #random: SeededRandom;
  readonly #publishers: { publisher: LoadPublisher; clients: { key: string; name: string }[] }[] = [];
  #sent = 0;
  #ticks: NodeJS.Timeout | undefined;

  private constructor(history: History, options: LoadOptions) {
    this.#history = history;
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
  }

  static async of(platform: Platform, history: History, options: LoadOptions): Promise<Load> {
    const load = new Load(history, options);
    const parts = { platform, history, random: load.#random };
    const habits = Object.entries(options.habits).flatMap(([habit, count]) =>
      Array.from({ length: count }, () => habit as Habit),
    );
    for (const tenant of TENANTS) {
      const streams = REPEATS.map((): { key: string; name: string }[] => []);
      for (let index = 0; index < options.clients / TENANTS.length; index += 1) {
        const name = `${options.name}-${index}`;
        const token = await platform.token({ client: name, tenant, ttl: 86_400 });
        const key = `${tenant}/${name}`;
        const way = WAYS[index % WAYS.length]!;
        // Each habit over each transport: the two lists have no common length.
        const habit = habits[(index * 7 + Math.floor(index / 5)) % 10] ?? "steady";
        load.clients.push(new LoadClient({ key, way, habit, token, pollSeconds: options.pollSeconds ?? 2 }, parts));
        streams[index % REPEATS.length]!.push({ key, name });
      }
      for (const [index, clients] of streams.entries()) {
        const token = await platform.token({ publisher: `load-${index}`, tenant, ttl: 86_400 });
        const publisher = new LoadPublisher({ stream: `${tenant}-${index}`, token, repeats: REPEATS[index]! }, parts);
        load.#publishers.push({ publisher, clients });
      }
    }
    return load;
  }

  start(): void {
    for (const client of this.clients) client.start();
    this.#ticks = setInterval(() => {
      const now = performance.now();
      for (const client of this.clients) client.tick(now);
    }, TICK_MS);
    const { bytes = BYTES } = this.#options;
    const rate = Math.min(this.#options.rate, MOST_BYTES_A_SECOND / bytes) / this.#publishers.length;
    const most = Math.min(MOST_AT_ONCE, Math.floor(MOST_BYTES_AT_ONCE / bytes));
    for (const { publisher, clients } of this.#publishers) publisher.start(rate, most, () => this.#next(clients));
  }

  /** Waits until 99 % are connected: among some thousands, some clients have always just left. */
  async gathered(patienceMs: number): Promise<void> {
    const missing = (): number => this.clients.filter(({ online }) => !online).length;
    for (const deadline = performance.now() + patienceMs; missing() > this.clients.length / 100; await sleep(50)) {
      if (performance.now() > deadline) throw new Error(`${missing()} of ${this.clients.length} are not connected`);
    }
  }

  /** Stops publishing; every client stays until it has everything, or nothing has come for `patienceMs`. */
  async drain(complete: () => boolean, patienceMs: number): Promise<void> {
    await Promise.all(this.#publishers.map(({ publisher }) => publisher.stop()));
    for (const client of this.clients) client.settle();
    let seen = this.#history.arrived;
    let since = performance.now();
    while (!complete() && performance.now() - since < patienceMs) {
      await sleep(20);
      if (this.#history.arrived !== seen) since = performance.now();
      seen = this.#history.arrived;
    }
    this.#history.mark("drained");
  }

  async close(): Promise<void> {
    clearInterval(this.#ticks);
    await Promise.all(this.clients.map((client) => client.close()));
  }

  #next(clients: { key: string; name: string }[]): Note {
    const { name, bytes = BYTES, expiring = 0 } = this.#options;
    const { key, name: client } = this.#random.pick(clients);
    const id = `${name}.${(this.#sent += 1)}`;
    const ttl = this.#random.next() * 100 < expiring ? { ttl: 2 + Math.floor(this.#random.next() * 6) } : {};
    return { id, to: { client }, keys: [key], pad: "x".repeat(bytes * this.#random.between(0.5, 1.5)), ...ttl };
  }
}
