import { messageOf } from "@saasaparilla/shared/runtime/errors.ts";
import type { Log } from "@saasaparilla/shared/runtime/log.ts";
import type { Postgres } from "@saasaparilla/shared/postgres/client.ts";
import type { CourierMetrics } from "#metrics.ts";

export interface WeeksParts {
  postgres: Pick<Postgres, "pool">;
  namespace: string;
  metrics: Pick<CourierMetrics, "failed" | "watch">;
  log: Log;
}

/** Makes the tables of coming weeks and drops old ones. Couriers share the work: one of them does it, once an hour. */
export class Weeks {
  readonly #parts: WeeksParts;
  readonly #table: string;
  #ahead = 0;

  constructor(parts: WeeksParts) {
    this.#parts = parts;
    this.#table = `"${parts.namespace}".inbox_weeks`;
    parts.metrics.watch({ weeks: () => this.#ahead });
  }

  /** Call it every minute. */
  async look(): Promise<void> {
    const { postgres, metrics, log } = this.#parts;
    try {
      const { rows } = await postgres.pool.query<{ ahead: number; due: boolean }>(
        `select last - floor(extract(epoch from now()) / 604800)::int4 as ahead, due <= now() as due from ${this.#table}`,
      );
      this.#ahead = rows[0]!.ahead;
      if (rows[0]!.due) await this.#keep("where due <= now()");
    } catch (error) {
      metrics.failed("postgres");
      log.warn({ err: error }, `the tables of coming weeks are not made yet: ${messageOf(error)}`);
    }
  }

  /** Now: a week has no table. */
  keep(): Promise<void> {
    return this.#keep("");
  }

  async #keep(where: string): Promise<void> {
    await this.#parts.postgres.pool.query(`update ${this.#table} set due = now() ${where}`);
  }
}
