import type { Postgres } from "./client.ts";

export interface Quarantined {
  id: string;
  /** Where it was: `queue/<name>`. */
  source: string;
  reason: string;
  at: Date;
  /** A notification's body, as in protocol/pack.ts. */
  body: Buffer;
}

export interface QuarantinePlace {
  id: string;
  /** Undefined for behind all with this id. */
  source?: string;
}

const NO_ID = "00000000-0000-0000-0000-000000000000";
/** No source begins so. */
const BEHIND_ALL = "~";
const KEPT = "30 days";

/** Messages that no worker could handle. They wait for an operator of their tenant. */
export class Quarantine {
  readonly #postgres: Postgres;
  readonly #table: string;

  constructor(postgres: Postgres, namespace: string) {
    this.#postgres = postgres;
    this.#table = `"${namespace}".quarantine`;
  }

  /** In the order of their ids and sources. */
  list(tenant: string, after: QuarantinePlace | undefined, limit: number): Promise<Quarantined[]> {
    return this.#ask(
      "quarantine-list",
      `select id, source, reason, at, body from ${this.#table}
       where tenant = $1 and (id, source) > ($2::uuid, $3) order by id, source limit $4`,
      [tenant, after?.id ?? NO_ID, after === undefined ? "" : (after.source ?? BEHIND_ALL), limit],
    );
  }

  /** Messages of several queues can have one id. */
  find(tenant: string, id: string, source: string | undefined, limit: number): Promise<Quarantined[]> {
    return this.#ask(
      "quarantine-find",
      `select id, source, reason, at, body from ${this.#table}
       where tenant = $1 and id = $2::uuid and source = coalesce($3, source) order by source limit $4`,
      [tenant, id, source, limit],
    );
  }

  /** The ones of this source that came last. */
  newest(tenant: string, source: string, limit: number): Promise<Quarantined[]> {
    return this.#ask(
      "quarantine-newest",
      `select id, source, reason, at, substring(body from 1 for 1) as body from ${this.#table}
       where tenant = $1 and source = $2 order by at desc limit $3`,
      [tenant, source, limit],
    );
  }

  /** Removes it, unless it has come again since it was read. */
  async remove(tenant: string, { id, source, at }: Pick<Quarantined, "id" | "source" | "at">): Promise<void> {
    await this.#ask(
      "quarantine-remove",
      `delete from ${this.#table} where tenant = $1 and id = $2::uuid and source = $3
       and date_trunc('milliseconds', at) = $4 returning id`,
      [tenant, id, source, at],
    );
  }

  /** Deletes up to `limit` messages that were kept for long enough. */
  async sweep(limit: number): Promise<number> {
    const rows = await this.#ask(
      "quarantine-sweep",
      `delete from ${this.#table} where (tenant, id, source) in
         (select tenant, id, source from ${this.#table} where at < now() - interval '${KEPT}' order by at limit $1) returning id`,
      [limit],
    );
    return rows.length;
  }

  async #ask(name: string, text: string, values: unknown[]): Promise<Quarantined[]> {
    return (await this.#postgres.pool.query<Quarantined>({ name, text, values })).rows;
  }
}
