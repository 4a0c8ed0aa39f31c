import type { Postgres } from "./client.ts";

/** The bounds on a tenant's stored rows. */
export type StoredBound = "bytes" | "clients";

export interface TenantStored {
  tenant: string;
  /** Exact: triggers count in each transaction that stores or deletes. */
  bytes: number;
  /** As of the last count. */
  clients: number;
  full: StoredBound | undefined;
}

/**
 * Stored rows of each tenant, and the tenants at their limit. Directors mark these, and receivers refuse their
 * publishing.
 */
export class StoredTenants {
  readonly #postgres: Postgres;
  readonly #schema: string;

  constructor(postgres: Postgres, namespace: string) {
    this.#postgres = postgres;
    this.#schema = `"${namespace}"`;
  }

  /** Adds tenants whose clients are then counted in turn. */
  async follow(tenants: readonly string[]): Promise<void> {
    await this.#ask(
      "tenants-follow",
      `insert into ${this.#schema}.tenant_clients (tenant) select unnest($1::text[]) order by 1 on conflict do nothing`,
      [tenants],
    );
  }

  /**
   * Counts the clients of the tenant that is due for longest, and returns it or undefined. Each goes to one director.
   */
  async countNext(): Promise<string | undefined> {
    const [counted] = await this.#ask<{ tenant: string }>(
      "tenants-count",
      `update ${this.#schema}.tenant_clients set due = now() where tenant =
         (select tenant from ${this.#schema}.tenant_clients where due <= now() order by due limit 1 for update skip locked)
       returning tenant`,
    );
    return counted?.tenant;
  }

  /** The use of these tenants, and of each marked one. */
  async of(tenants: readonly string[]): Promise<TenantStored[]> {
    const rows = await this.#ask<{ tenant: string; bytes: string; clients: string; full: StoredBound | null }>(
      "tenants-stored",
      `select asked.tenant, marked.bound as full, coalesce(counted.clients, 0) as clients,
         (select coalesce(sum(bytes), 0) from ${this.#schema}.tenant_stored as stored where stored.tenant = asked.tenant) as bytes
       from (select unnest($1::text[]) as tenant union select tenant from ${this.#schema}.full_tenants) as asked
       left join ${this.#schema}.full_tenants as marked using (tenant)
       left join ${this.#schema}.tenant_clients as counted using (tenant)`,
      [tenants],
    );
    return rows.map(({ tenant, bytes, clients, full }) => ({
      tenant,
      bytes: Number(bytes),
      clients: Number(clients),
      full: full ?? undefined,
    }));
  }

  /** True if it was not marked for this bound before. */
  async mark(tenant: string, bound: StoredBound): Promise<boolean> {
    const marked = await this.#ask(
      "tenants-mark",
      `insert into ${this.#schema}.full_tenants as marked (tenant, bound) values ($1, $2)
       on conflict (tenant) do update set bound = excluded.bound where marked.bound <> excluded.bound returning tenant`,
      [tenant, bound],
    );
    return marked.length > 0;
  }

  /** True if it was marked. */
  async clear(tenant: string): Promise<boolean> {
    const text = `delete from ${this.#schema}.full_tenants where tenant = $1 returning tenant`;
    return (await this.#ask("tenants-clear", text, [tenant])).length > 0;
  }

  /** The marked tenants, the longest first, up to `limit`. */
  full(limit: number): Promise<{ tenant: string; bound: StoredBound }[]> {
    return this.#ask("tenants-full", `select tenant, bound from ${this.#schema}.full_tenants order by since limit $1`, [
      limit,
    ]);
  }

  async #ask<Row extends object>(name: string, text: string, values: unknown[] = []): Promise<Row[]> {
    const { rows } = await this.#postgres.pool.query<Row>({ name, text, values });
    return rows;
  }
}
