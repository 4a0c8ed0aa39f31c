import { messageOf } from "#runtime/errors.ts";
import type { Log } from "#runtime/log.ts";
import type { Postgres } from "./client.ts";

export interface PeriodTablesParts {
  postgres: Pick<Postgres, "pool">;
  namespace: string;
  /** The table with the periods that have partitions. Updating its `due` makes missing ones and drops old ones. */
  table: "inbox_weeks" | "timeline_days";
  /** Seconds of a period. */
  seconds: number;
  /** The periods to keep, for a table with that column. */
  keep?: number;
  failed: () => void;
  log: Log;
}

/** Postgres refuses a row for whose period there is no partition. */
export function periodMissing(error: unknown): boolean {
  const { code, message } = error as { code?: string; message?: string };
  return code === "23514" && message?.startsWith("no partition of relation") === true;
}

/**
 * Makes the tables of coming weeks or days, and drops old ones. Processes of one kind share the work: one of them does
 * it, once an hour.
 */
export class PeriodTables {
  readonly #parts: PeriodTablesParts;
  readonly #table: string;
  readonly #due: string;
  #ahead = 0;

  constructor(parts: PeriodTablesParts) {
    this.#parts = parts;
    this.#table = `"${parts.namespace}".${parts.table}`;
    this.#due = parts.keep === undefined ? "due <= now()" : `due <= now() or days <> ${parts.keep}`;
  }

  /** Coming periods that have tables, at the last look. */
  get ahead(): number {
    return this.#ahead;
  }

  /** Call it every minute. */
  async look(): Promise<void> {
    const { postgres, seconds, table, failed, log } = this.#parts;
    try {
      const { rows } = await postgres.pool.query<{ ahead: number; due: boolean }>(
        `select last - floor(extract(epoch from now()) / ${seconds})::int4 as ahead, ${this.#due} as due
         from ${this.#table}`,
      );
      this.#ahead = rows[0]!.ahead;
      if (rows[0]!.due) await this.#make(`where ${this.#due}`);
    } catch (error) {
      failed();
      log.warn({ err: error, table }, `the tables of coming periods are not made yet: ${messageOf(error)}`);
    }
  }

  /** Now: a period has no table. */
  make(): Promise<void> {
    return this.#make("");
  }

  async #make(where: string): Promise<void> {
    const { postgres, keep } = this.#parts;
    const days = keep === undefined ? "" : `, days = ${keep}`;
    await postgres.pool.query(`update ${this.#table} set due = now()${days} ${where}`);
  }
}
