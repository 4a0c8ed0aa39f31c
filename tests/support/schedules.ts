import { vi } from "vitest";
import type { ConsoleApi } from "./console-api.ts";
import type { Dispatch } from "./dispatch.ts";

export interface Occurrence {
  id: string;
  /** ms since 1970. */
  at: number;
  state: string;
  reason: string | null;
  missed: number | undefined;
}

/** Schedules of the tenant acme, as the console writes them and as Postgres has them. */
export class Schedules {
  readonly #operator: ConsoleApi;
  readonly #dispatch: Dispatch;

  constructor(operator: ConsoleApi, dispatch: Dispatch) {
    this.#operator = operator;
    this.#dispatch = dispatch;
  }

  async put(name: string, schedule: object): Promise<void> {
    const usual = { cron: "* * * * * *", zone: "UTC", to: { client: name }, data: 1 };
    await this.#operator.does("PUT", `/acme/schedules/${name}`, { ...usual, ...schedule });
  }

  remove(name: string): Promise<unknown> {
    return this.#operator.does("DELETE", `/acme/schedules/${name}`);
  }

  /** The occurrences that fired or were skipped, in order. */
  async occurrences(name: string): Promise<Occurrence[]> {
    const rows = await this.#dispatch.query<{
      id: string;
      at: number;
      state: string;
      reason: string | null;
      missed: number | null;
    }>(
      `select id, (extract(epoch from occurrence) * 1000)::float8 as at, state, reason,
              (head -> 'headers' ->> 'missed')::int as missed
       from $schema.publications where tenant = 'acme' and schedule = $1 order by occurrence`,
      [name],
    );
    return rows.map(({ missed, ...row }) => ({ ...row, missed: missed ?? undefined }));
  }

  async fired(name: string, least: number): Promise<Occurrence[]> {
    return vi.waitUntil(
      async () => {
        const found = await this.occurrences(name);
        return found.filter(({ state }) => state === "done").length >= least && found;
      },
      { timeout: 60_000, interval: 50 },
    );
  }

  /** Waits until exactly these schedules have a timer. */
  async timed(...names: string[]): Promise<void> {
    await vi.waitUntil(
      async () => {
        const rows = await this.#dispatch.query<{ name: string }>(
          "select name from $schema.schedule_timers order by 1",
        );
        return JSON.stringify(rows.map(({ name }) => name)) === JSON.stringify(names.toSorted());
      },
      { timeout: 60_000, interval: 50 },
    );
  }

  /** Moves timers by this interval, like a change of Postgres' clock. */
  async shift(interval: string): Promise<void> {
    await this.#dispatch.query("update $schema.schedule_timers set occurrence = occurrence + $1::interval", [interval]);
  }

  /** Postgres' time, in ms since 1970. */
  async now(): Promise<number> {
    const [row] = await this.#dispatch.query<{ now: number }>(
      "select (extract(epoch from now()) * 1000)::float8 as now",
    );
    return row!.now;
  }
}
