import type { ClientKey, Sequence } from "@saasaparilla/shared/protocol/notification.ts";
import type { Postgres } from "@saasaparilla/shared/postgres/client.ts";
import type { InboxItem } from "./items.ts";

export interface Inserted {
  /** The rows that were not there before. */
  inserted: number;
  /** Items that a later row of the same collapse key has replaced already. */
  collapsed: number;
  /** Older rows of the same collapse keys that were deleted. */
  deleted: number;
}

const WEEK_MS = 7 * 86_400_000;

/** `ms` since 1970. */
const weekOf = (ms: number): number => Math.floor(ms / WEEK_MS);

/**
 * The rows of inboxes. A list is computed when it is read, so repeats and the order of inserts change nothing. Deleting
 * what no list shows only saves space.
 */
export class ItemStore {
  readonly #postgres: Pick<Postgres, "pool">;
  readonly #table: string;

  constructor(postgres: Pick<Postgres, "pool">, namespace: string) {
    this.#postgres = postgres;
    this.#table = `"${namespace}".inbox_items`;
  }

  /**
   * One statement. Existing rows stay. Of one collapse key the latest item stays: an item is left out if a later one is
   * among these or in the table, and replaces its older rows. The items of a client are in the order of their sequences.
   */
  async insert(items: readonly InboxItem[]): Promise<Inserted> {
    const latest = latestOf(items);
    const { rows } = await this.#postgres.pool.query<{ inserted: number; late: number; deleted: number }>({
      name: "inbox-insert",
      text: `with new as materialized (
               select client, sequence, week, to_timestamp(appended / 1000.0) as appended, id,
                      nullif(event, '') as event, nullif(collapse, '') as collapse, retract,
                      nullif(outcomes, '') as outcomes, nullif(headers, '') as headers,
                      nullif(traceparent, '') as traceparent,
                      case when ttl > 0 then to_timestamp(appended / 1000.0 + ttl) end as expires,
                      substring($12::bytea from start for length) as data, followed
               from unnest($1::text[], $2::text[], $3::int4[], $4::float8[], $5::uuid[], $6::text[], $7::text[],
                           $8::bool[], $9::text[], $10::text[], $11::text[], $13::int8[], $14::int4[], $15::int4[],
                           $16::bool[])
                 as given(client, sequence, week, appended, id, event, collapse, retract, outcomes, headers,
                          traceparent, ttl, start, length, followed)
             ), good as materialized (
               select * from new where collapse is null or not exists (
                 select from ${this.#table} as later
                 where later.client = new.client and later.collapse = new.collapse and later.sequence > new.sequence)
             ), inserted as (
               insert into ${this.#table} (client, sequence, week, appended, id, event, collapse, retract, outcomes,
                                           headers, traceparent, expires, data, followed)
               select client, sequence, week, appended, id, event, collapse, retract, outcomes,
                      headers, traceparent, expires, data, followed from good
               on conflict do nothing returning 1
             ), deleted as (
               delete from ${this.#table} as older using good
               where good.collapse is not null and older.client = good.client and older.collapse = good.collapse
               and older.sequence < good.sequence returning 1
             )
             select (select count(*)::int from inserted) as inserted, (select count(*)::int from deleted) as deleted,
                    (select count(*)::int from new) - (select count(*)::int from good) as late`,
      values: valuesOf(latest),
    });
    const { inserted, late, deleted } = rows[0]!;
    return { inserted, deleted, collapsed: items.length - latest.length + late };
  }

  /** Keeps the newest rows of each client: `items` of them. Returns the number of deleted rows. */
  async trim(clients: ReadonlyMap<ClientKey, number>): Promise<number> {
    const { rowCount } = await this.#postgres.pool.query({
      name: "inbox-trim",
      text: `with bounds as materialized (
               select asked.client, (select sequence from ${this.#table} as kept where kept.client = asked.client
                                     order by sequence desc offset asked.items limit 1) as sequence
               from unnest($1::text[], $2::int4[]) as asked(client, items)
             )
             delete from ${this.#table} as surplus using bounds
             where surplus.client = bounds.client and surplus.sequence <= bounds.sequence`,
      values: [[...clients.keys()], [...clients.values()]],
    });
    return rowCount ?? 0;
  }
}

/** Without items that a later one of the same client and collapse key replaces. */
function latestOf(items: readonly InboxItem[]): readonly InboxItem[] {
  const latest = new Map<string, Sequence>();
  for (const { client, sequence, options } of items) {
    if (options.collapse === undefined) continue;
    const key = keyOf(client, options.collapse);
    if (sequence > (latest.get(key) ?? "")) latest.set(key, sequence);
  }
  if (latest.size === 0) return items;
  return items.filter(
    ({ client, sequence, options }) =>
      options.collapse === undefined || latest.get(keyOf(client, options.collapse)) === sequence,
  );
}

/** Neither has a space. */
const keyOf = (client: ClientKey, collapse: string): string => `${client} ${collapse}`;

/** All data in one value: one value for each row costs the client of Postgres more than the row. */
function valuesOf(items: readonly InboxItem[]): unknown[] {
  const starts: number[] = [];
  let start = 1;
  for (const { data } of items) {
    starts.push(start);
    start += data.length;
  }
  return [
    items.map(({ client }) => client),
    items.map(({ sequence }) => sequence),
    items.map(({ appended }) => weekOf(appended)),
    items.map(({ appended }) => appended),
    items.map(({ id }) => id),
    items.map(({ event }) => event),
    items.map(({ options }) => options.collapse ?? ""),
    items.map(({ options }) => options.retract === true),
    items.map(({ options }) => options.outcomes ?? ""),
    items.map(({ options }) => options.headers ?? ""),
    items.map(({ traceparent }) => traceparent),
    Buffer.concat(items.map(({ data }) => data)),
    items.map(({ ttl }) => ttl),
    starts,
    items.map(({ data }) => data.length),
    items.map(({ followed }) => followed),
  ];
}
