import { setTimeout as sleep } from "node:timers/promises";
import { ConsoleApi } from "#tests/support/console-api.ts";
import type { History } from "./history.ts";
import { occurrencesOf } from "./occurrences.ts";
import { occurrenceName } from "./recipients.ts";
import type { Rig } from "./rig.ts";

const EVERY_MS = 2_000;
const PATIENCE_MS = 30_000;

interface Times {
  now: number;
  /** The next occurrence, or undefined while there is none. */
  next: number | undefined;
}

/**
 * One schedule that notifies a client every two seconds. Each of its occurrences counts as a publish that was accepted:
 * from the first one that the platform sets, to the last one before its end.
 */
export class Scheduler {
  readonly #rig: Rig;
  readonly #history: History;
  readonly #key: string;
  readonly #name: string;
  /** The first occurrences that are possible, and that must come. */
  #possible = 0;
  #first: number | undefined;

  constructor(rig: Rig, { name, history, key }: { name: string; history: History; key: string }) {
    this.#rig = rig;
    this.#history = history;
    this.#key = key;
    this.#name = `${name}-schedule`;
  }

  async start(): Promise<void> {
    const [, client] = this.#key.split("/");
    const cron = `*/${EVERY_MS / 1_000} * * * * *`;
    const document = { cron, zone: "UTC", to: { client }, data: { id: this.#name }, missed: "all" };
    const now = await this.#until((times) => times.now);
    this.#possible = Math.ceil(now / EVERY_MS) * EVERY_MS;
    await this.#console("PUT", document);
    this.#first = await this.#until(({ next }) => next);
  }

  /** Every occurrence up to now has fired, so that its notification is only under way. */
  async stop(): Promise<void> {
    if (this.#first === undefined) return;
    const now = await this.#until((times) => times.now);
    // After this patience the checker reports the last ones as lost.
    await this.#until((times) => (times.next !== undefined && times.next > now ? true : undefined)).catch(() => {});
    await this.#console("DELETE");
    const removed = await this.#until((times) => times.now);
    const span = { possible: this.#possible, first: this.#first, end: now, removed };
    for (const { at, due } of occurrencesOf(span, EVERY_MS)) this.#note(at, due);
  }

  /** Those before the timer was seen, and those between the end of the load and the removal, may fire or not. */
  #note(occurrence: number, due: boolean): void {
    const id = occurrenceName(this.#name, new Date(occurrence).toISOString());
    const at = occurrence - performance.timeOrigin;
    this.#history.add({ kind: "send", id, key: this.#key, stream: this.#name, at });
    if (due) this.#history.add({ kind: "answer", id, outcome: "ok", at });
  }

  async #until<T>(found: (times: Times) => T | undefined): Promise<T> {
    for (const deadline = performance.now() + PATIENCE_MS; performance.now() < deadline; await sleep(100)) {
      const value = await this.#times().then(found, () => undefined);
      if (value !== undefined) return value;
    }
    throw new Error(`The schedule ${this.#name} did not go on for ${PATIENCE_MS} ms.`);
  }

  async #times(): Promise<Times> {
    const { rows } = await this.#rig.pool.query<{ now: string; next: string | null }>(
      `select extract(epoch from now()) * 1000 as now,
              (select extract(epoch from occurrence) * 1000 from "${this.#rig.env.NAMESPACE!}".schedule_timers
               where name = $1) as next`,
      [this.#name],
    );
    const { now, next } = rows[0]!;
    return { now: Number(now), next: next === null ? undefined : Number(next) };
  }

  async #console(method: string, body?: unknown): Promise<void> {
    const { service } = this.#rig.of("console")[0]!;
    const operator = await ConsoleApi.of(this.#rig, service);
    const [tenant] = this.#key.split("/");
    await operator.does(method, `/${tenant}/schedules/${this.#name}`, body);
  }
}
