import type { Postgres } from "./client.ts";
import type { StoredBound } from "./stored-tenants.ts";

/** A tenant's use of one receiver in the last seconds. */
export interface Use {
  tenant: string;
  notifications: number;
  bytes: number;
  /** Refused requests, by the limit that refused them. */
  refused: Record<string, number>;
}

/** A tenant's use, as operators see it. */
export interface TenantUsage {
  tenant: string;
  stored: { notifications: number; bytes: number; clients: number; full?: StoredBound };
  /** Per second, over all receivers. */
  published: { notifications: number; bytes: number };
  /** Requests per second, by the limit. */
  refused: Record<string, number>;
}

/** The greatest value comes first. */
export const USAGE_ORDERS = {
  bytes: "stored_bytes",
  clients: "clients",
  rate: "byte_rate",
  refused: "refusals",
} as const;
export type UsageOrder = keyof typeof USAGE_ORDERS;

/** The report of a stopped receiver is not shown for longer. */
const SHOWN = "1 minute";

/** The loudest tenants. Receivers report theirs, and operators see them beside the stored amounts. */
export class TenantUse {
  readonly #postgres: Postgres;
  readonly #schema: string;

  constructor(postgres: Postgres, namespace: string) {
    this.#postgres = postgres;
    this.#schema = `"${namespace}"`;
  }

  /** Replaces the receiver's earlier report. */
  async report(receiver: string, seconds: number, uses: readonly Use[]): Promise<void> {
    const use = `${this.#schema}.tenant_use`;
    await this.#postgres.pool.query({
      name: "use-report",
      text: `insert into ${use} (receiver, tenant, seconds, notifications, bytes, refused)
             select $1, tenant, $2, notifications, bytes, refused
             from unnest($3::text[], $4::bigint[], $5::bigint[], $6::jsonb[]) as new(tenant, notifications, bytes, refused)
             on conflict (receiver, tenant) do update set at = now(), seconds = excluded.seconds,
               notifications = excluded.notifications, bytes = excluded.bytes, refused = excluded.refused`,
      values: [
        receiver,
        seconds,
        uses.map(({ tenant }) => tenant),
        uses.map(({ notifications }) => notifications),
        uses.map(({ bytes }) => bytes),
        uses.map(({ refused }) => JSON.stringify(refused)),
      ],
    });
    await this.#postgres.pool.query({
      name: "use-forget",
      text: `delete from ${use} where (receiver = $1 and not tenant = any($2::text[])) or at < now() - interval '${SHOWN}'`,
      values: [receiver, uses.map(({ tenant }) => tenant)],
    });
  }

  /** Returns up to `limit` tenants. */
  async top(order: UsageOrder, limit: number): Promise<TenantUsage[]> {
    const schema = this.#schema;
    const { rows } = await this.#postgres.pool.query<Record<string, string> & { refused: Record<string, number> }>(
      `with stored as (
         select tenant, sum(notifications) as stored, sum(bytes) as stored_bytes from ${schema}.tenant_stored group by 1
       ), used as (
         select tenant, sum(notifications / seconds) as rate, sum(bytes / seconds) as byte_rate
         from ${schema}.tenant_use where at > now() - interval '${SHOWN}' group by 1
       ), refusals as (
         select tenant, sum(rate) as refusals, jsonb_object_agg(bound, round(rate::numeric, 1)) as refused from (
           select tenant, key as bound, sum(value::bigint / seconds) as rate
           from ${schema}.tenant_use cross join jsonb_each_text(refused)
           where at > now() - interval '${SHOWN}' group by 1, 2
         ) as each group by 1
       )
       select tenant, coalesce(stored, 0) as stored, coalesce(stored_bytes, 0) as stored_bytes, coalesce(clients, 0) as clients,
         bound as full, coalesce(rate, 0) as rate, coalesce(byte_rate, 0) as byte_rate, coalesce(refusals, 0) as refusals,
         coalesce(refused, '{}') as refused
       from (select tenant from stored union select tenant from used) as names
       left join stored using (tenant) left join used using (tenant) left join refusals using (tenant)
       left join ${schema}.tenant_clients using (tenant) left join ${schema}.full_tenants using (tenant)
       where stored > 0 or rate > 0 or refusals > 0
       order by ${USAGE_ORDERS[order]} desc nulls last, tenant limit $1`,
      [limit],
    );
    return rows.map(({ tenant, stored, stored_bytes, clients, full, rate, byte_rate, refused }) => ({
      tenant: tenant!,
      stored: {
        notifications: Number(stored),
        bytes: Number(stored_bytes),
        clients: Number(clients),
        ...(full && { full: full as StoredBound }),
      },
      published: { notifications: Math.round(Number(rate)), bytes: Math.round(Number(byte_rate)) },
      refused,
    }));
  }
}
