import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { check } from "#tests/faults/check.ts";
import type { Verdict } from "#tests/faults/verdict.ts";
import { History } from "#tests/faults/history.ts";
import { Load, type LoadOptions } from "#tests/faults/load.ts";
import { noteStored } from "#tests/faults/stored-notes.ts";
import { scrapeMetric } from "./scrape-metric.ts";
import type { Kind, Service, Stack } from "./stack.ts";

/** Times so short that a test sees minutes of a platform's work. */
export const SHORT_TIMES: Record<string, string> = {
  LEASE_MS: "3000",
  ACK_MS: "2000",
  HOLD_MS: "1500",
  INVITE_MS: "500",
  GROUP_SESSION_MS: "3000",
  SAFETY_NET_MS: "4000",
  POLL_GRACE_MS: "2000",
  DRAIN_MS: "500",
};

const PATIENCE_MS = 60_000;

/** The faults' battery's load on a changing stack, its history, and at the end the checker's verdict. */
export class BackgroundTraffic {
  readonly services: Service[];
  readonly history = new History();
  readonly heartbeatMs: number;
  readonly token: Stack["token"];
  readonly #pool: pg.Pool;
  #load: Load | undefined;
  #noting: { stop(): Promise<void> } | undefined;

  private constructor(stack: Stack) {
    this.services = [...stack.services];
    this.token = (bearer) => stack.token(bearer);
    this.heartbeatMs = Number(stack.env.HEARTBEAT_MS ?? 15_000);
    this.#pool = new pg.Pool({ connectionString: stack.env.DATABASE_URL!, max: 1 });
    // A test may have stopped Postgres.
    this.#pool.on("error", () => {});
  }

  static async start(
    stack: Stack,
    size: { clients: number; rate: number; habits?: LoadOptions["habits"] },
  ): Promise<BackgroundTraffic> {
    const traffic = new BackgroundTraffic(stack);
    const seed = Math.floor(Math.random() * 1e9);
    const habits = { roaming: 2, dying: 1 };
    const load = await Load.of(traffic, traffic.history, { name: `t${seed}`, seed, habits, ...size });
    traffic.#load = load;
    load.start();
    const keys = load.clients.map(({ key }) => key);
    traffic.#noting = noteStored(traffic.#pool, stack.namespace, traffic.history, keys);
    return traffic;
  }

  of(kind: Kind): Service[] {
    return this.services.filter((service) => service.kind === kind);
  }

  add(service: Service): void {
    this.services.push(service);
  }

  /** The load no longer uses this service. */
  remove(service: Service): void {
    this.services.splice(this.services.indexOf(service), 1);
  }

  get receivers(): string[] {
    return this.of("receiver").map(({ url }) => url);
  }

  get distributors(): string[] {
    return this.of("distributor").map(({ url }) => url);
  }

  get clients(): number {
    return this.#load!.clients.length;
  }

  /** The clients that always want to be connected. */
  get steady(): string[] {
    return this.history.events.flatMap((event) => (event.kind === "client" && event.steady ? event.key : []));
  }

  /** The number of closed connections whose client wanted to stay. */
  get interruptions(): number {
    const key = new Map<number, string>();
    const steady = new Set(this.steady);
    let count = 0;
    for (const event of this.history.events) {
      if (event.kind === "connect") key.set(event.connection, event.key);
      else if (event.kind === "close" && steady.has(key.get(event.connection)!)) count += 1;
    }
    return count;
  }

  /** The number of consecutive last answers with a refusal or an unknown outcome. */
  get refused(): number {
    const answers = this.history.events.filter((event) => event.kind === "answer");
    return answers.length - 1 - answers.findLastIndex(({ outcome }) => outcome === "ok");
  }

  /** A later publish is accepted, and clients that want to be connected get all that was accepted before it. */
  async flows(): Promise<void> {
    const since = performance.now();
    while (!this.history.recovered(since)) {
      if (performance.now() - since > PATIENCE_MS)
        throw new Error(`After ${PATIENCE_MS} ms ${this.history.open} accepted notifications have still not arrived.`);
      await sleep(20);
    }
  }

  /** Stops publishing; every client connects and stays until it has everything, and the directors hold nothing more. */
  async drain(): Promise<void> {
    await this.#noting!.stop();
    await this.#load!.drain(() => this.history.open === 0, PATIENCE_MS);
    await this.#load!.gathered(PATIENCE_MS);
    for (const director of this.of("director")) {
      const deadline = performance.now() + PATIENCE_MS;
      for (let left = Infinity; left > 0; await sleep(20)) {
        left = await scrapeMetric(director, "notifications_unsettled");
        if (performance.now() > deadline) throw new Error(`${left} are still unsettled, after ${PATIENCE_MS} ms`);
      }
    }
  }

  get verdict(): Verdict {
    return check(this.history.events);
  }

  async close(): Promise<void> {
    await this.#noting?.stop();
    await this.#load?.drain(() => true, 0);
    await this.#load?.close();
    await this.#pool.end();
  }
}
