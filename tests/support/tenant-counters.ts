import type { Postgres } from "@saasaparilla/shared/postgres/client.ts";

/** The counters' values, and the table's. */
export async function counted(postgres: Postgres, schema: string, tenant: string) {
  const { rows } = await postgres.pool.query<Record<string, string>>(
    `select (select coalesce(sum(notifications), 0) from "${schema}".tenant_stored where tenant = $1) as notifications,
            (select coalesce(sum(bytes), 0) from "${schema}".tenant_stored where tenant = $1) as bytes,
            count(*) as rows, coalesce(sum(octet_length(body)), 0) as held
     from "${schema}".stored_notifications where client like $1 || '/%'`,
    [tenant],
  );
  const [{ notifications, bytes, rows: held, held: heldBytes }] = rows as [Record<string, string>];
  return { said: [Number(notifications), Number(bytes)], are: [Number(held), Number(heldBytes)] };
}
