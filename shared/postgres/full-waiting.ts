import type { Postgres } from "./client.ts";

/** A mark goes when this part of the limit is free. */
const FREE_PART = 0.05;

/** Tenants with as many publications for later as they may have. Their waiting publications stay. */
export class FullWaiting {
  readonly #postgres: Postgres;
  readonly #schema: string;

  constructor(postgres: Postgres, namespace: string) {
    this.#postgres = postgres;
    this.#schema = `"${namespace}"`;
  }

  /** The marked tenants, the longest first, up to `limit`. */
  async all(limit: number): Promise<string[]> {
    const { rows } = await this.#postgres.pool.query<{ tenant: string }>({
      name: "full-waiting",
      text: `select tenant from ${this.#schema}.full_waiting order by since limit $1`,
      values: [limit],
    });
    return rows.map(({ tenant }) => tenant);
  }

  /** Counts all waiting publications in their index, and sets and removes marks. Returns the number of marked tenants. */
  async mark(limitOf: (tenant: string) => number): Promise<number> {
    const { rows } = await this.#postgres.pool.query<{ tenant: string; waiting: number; marked: boolean }>({
      name: "full-waiting-count",
      text: `select coalesce(counted.tenant, marked.tenant) as tenant, coalesce(counted.waiting, 0)::float8 as waiting,
                    marked.tenant is not null as marked
             from (select tenant, count(*) as waiting from ${this.#schema}.publications where state = 'waiting'
                   group by tenant) as counted
             full join ${this.#schema}.full_waiting as marked on marked.tenant = counted.tenant`,
    });
    const full = rows.filter(({ tenant, waiting }) => waiting >= limitOf(tenant));
    const free = rows.filter(({ tenant, waiting, marked }) => marked && waiting <= limitOf(tenant) * (1 - FREE_PART));
    const changed = full.some(({ marked }) => !marked) || free.length > 0;
    if (changed)
      await this.#postgres.pool.query({
        name: "full-waiting-mark",
        text: `with cleared as (delete from ${this.#schema}.full_waiting where tenant = any($2::text[]))
               insert into ${this.#schema}.full_waiting (tenant) select unnest($1::text[]) on conflict do nothing`,
        values: [full.map(({ tenant }) => tenant), free.map(({ tenant }) => tenant)],
      });
    return full.length;
  }
}
