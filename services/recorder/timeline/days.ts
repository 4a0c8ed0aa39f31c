import { messageOf } from "@saasaparilla/shared/runtime/errors.ts";
import type { Log } from "@saasaparilla/shared/runtime/log.ts";
import type { Postgres } from "@saasaparilla/shared/postgres/client.ts";
import type { RecorderMetrics } from "#metrics.ts";

export interface DaysParts {
  postgres: Pick<Postgres, "pool">;
  namespace: string;
  /** The days to keep. */
  days: number;
  metrics: Pick<RecorderMetrics, "failed" | "watch">;
  log: Log;
}

/** Makes the tables of coming days and drops old ones. Recorders share the work: one of them does it, once an hour. */
export class Days {
  readonly #parts: DaysParts;
  readonly #table: string;
  #ahead = 0;

  constructor(parts: DaysParts) {
    this.#parts = parts;
    this.#table = `"${parts.namespace}".timeline_days`;
    parts.metrics.watch({ days: () => this.#ahead });
  }

  /** Call it every minute. */
  async look(): Promise<void> {
    const { postgres, days, metrics, log } = this.#parts;
    try {
      const { rows } = await postgres.pool.query<{ ahead: number; due: boolean }>(
        `select last - floor(extract(epoch from now()) / 86400)::int4 as ahead, due <= now() or days <> $1 as due
         from ${this.#table}`,
        [days],
      );
      this.#ahead = rows[0]!.ahead;
      if (rows[0]!.due) await this.#keep("where due <= now() or days <> $1");
    } catch (error) {
      metrics.failed("postgres");
      log.warn({ err: error }, `the tables of coming days are not made yet: ${messageOf(error)}`);
    }
  }

  /** Now: a day has no table. */
  keep(): Promise<void> {
    return this.#keep("");
  }

  async #keep(where: string): Promise<void> {
    const { postgres, days } = this.#parts;
    await postgres.pool.query(`update ${this.#table} set due = now(), days = $1 ${where}`, [days]);
  }
}
