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

const KEPT = "30 days";

/** Messages that no worker could handle. They wait for an operator of their tenant. */
export class Quarantine {
  readonly #postgres: Postgres;
  readonly #table: string;

  constructor(postgres: Postgres, namespace: string) {
    this.#postgres = postgres;
    this.#table = `"${namespace}".quarantine`;
  }

  /** In the order of their ids. */
  list(tenant: string, after: string | undefined, limit: number): Promise<Quarantined[]> {
    return this.#ask(
      "quarantine-list",
      `select id, source, reason, at, body from ${this.#table}
       where tenant = $1 and id > coalesce($2::uuid, '00000000-0000-0000-0000-000000000000') order by id limit $3`,
      [tenant, after, limit],
    );
  }

  async find(tenant: string, id: string): Promise<Quarantined | undefined> {
    const [found] = await this.#ask(
      "quarantine-find",
      `select id, source, reason, at, body from ${this.#table} where tenant = $1 and id = $2::uuid`,
      [tenant, id],
    );
    return found;
  }

  /** Removes it, unless it has come again since it was read. */
  async remove(tenant: string, { id, at }: Pick<Quarantined, "id" | "at">): Promise<void> {
    await this.#ask(
      "quarantine-remove",
      `delete from ${this.#table} where tenant = $1 and id = $2::uuid and date_trunc('milliseconds', at) = $3 returning id`,
      [tenant, id, at],
    );
  }

  /** Deletes up to `limit` messages that were kept for long enough. */
  async sweep(limit: number): Promise<number> {
    const rows = await this.#ask(
      "quarantine-sweep",
      `delete from ${this.#table} where (tenant, id) in
         (select tenant, id from ${this.#table} where at < now() - interval '${KEPT}' order by at limit $1) returning id`,
      [limit],
    );
    return rows.length;
  }

  async #ask(name: string, text: string, values: unknown[]): Promise<Quarantined[]> {
    return (await this.#postgres.pool.query<Quarantined>({ name, text, values })).rows;
  }
}
