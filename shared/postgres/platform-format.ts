import { randomUUID } from "node:crypto";
import type { Postgres } from "./client.ts";
import { FIRST_FORMAT, FORMAT } from "#protocol/format.ts";
import type { Log } from "#runtime/log.ts";
import { meters, type Registry } from "#runtime/metrics.ts";
import { withTimeout } from "#runtime/timeout.ts";

/** A running service reports at least this often. */
const MOST_MS = 10_000;
/** A process that ended without notice leaves its row. */
const KEPT = "1 hour";
/** At the end of a process, whose other releases share its time. */
const END_MS = 1_000;

export interface PlatformFormatOptions {
  postgres: Pick<Postgres, "pool">;
  namespace: string;
  service: string;
  /** ms */
  everyMs: number;
  registry: Registry;
  log: Log;
}

/**
 * The newest form that this service may write. An earlier version may still run, so each service reports the newest form
 * that it reads, and `provision --finish-upgrade` raises the platform's format when all reports allow it.
 */
export class PlatformFormat {
  readonly #options: PlatformFormatOptions;
  readonly #schema: string;
  readonly #instance = randomUUID();
  #present = FIRST_FORMAT;
  #timer: NodeJS.Timeout | undefined;
  #last: Promise<void> = Promise.resolve();
  #ended = false;
  #failing = false;

  constructor(options: PlatformFormatOptions) {
    this.#options = options;
    this.#schema = `"${options.namespace}"`;
    const { gauge } = meters(options.registry);
    gauge("format_present", "The newest format that this service may write. 1 until it is read.", () => this.#present);
    gauge("format_newest", "The newest format that this process reads.", () => FORMAT);
  }

  /** A new form needs at least its number here. While Postgres is away, the last known number counts. */
  get present(): number {
    return this.#present;
  }

  /** Reports and reads repeatedly, until `end`. */
  start(): void {
    this.#last = this.refresh().then(() => {
      if (!this.#ended) this.#timer = setTimeout(() => this.start(), Math.min(this.#options.everyMs, MOST_MS));
    });
  }

  /** Once, now. */
  async refresh(): Promise<void> {
    const { postgres, service, log } = this.#options;
    try {
      const { rows } = await postgres.pool.query<{ format: number }>(
        `with reported as (
           insert into ${this.#schema}.service_formats (instance, service, format) values ($1, $2, $3)
           on conflict (instance) do update set at = now()
         ), swept as (
           delete from ${this.#schema}.service_formats where at < now() - interval '${KEPT}'
         )
         select format from ${this.#schema}.platform`,
        [this.#instance, service, FORMAT],
      );
      this.#present = rows[0]?.format ?? FIRST_FORMAT;
      this.#failing = false;
    } catch (error) {
      if (!this.#failing) log.warn({ err: error }, "the platform's format is not known: the last known one counts");
      this.#failing = true;
    }
  }

  /** Its row is gone, unless Postgres does not answer in time. */
  async end(): Promise<void> {
    this.#ended = true;
    clearTimeout(this.#timer);
    const { postgres } = this.#options;
    await withTimeout(
      END_MS,
      // A report that is still on its way would write the row again.
      this.#last.then(() =>
        postgres.pool.query(`delete from ${this.#schema}.service_formats where instance = $1`, [this.#instance]),
      ),
    );
  }
}
