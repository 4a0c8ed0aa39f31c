import { getTableConfig, getTableName, sql } from "./drizzle.ts";
import { START, type ClientKey, type Sequence } from "#protocol/notification.ts";
import type { EndOptions } from "#protocol/options.ts";
import { FOLLOWED, HEAD_BYTES } from "#protocol/pack.ts";
import type { Postgres } from "./client.ts";
import { tablesOf, type Tables } from "./schema.ts";

export interface StoredNotification {
  client: ClientKey;
  sequence: Sequence;
  /** ms since 1970, by the broker. */
  appended: number;
  /** ms since 1970; undefined for never. */
  expires: number | undefined;
  /** A notification's body, as in protocol/pack.ts. */
  body: Buffer;
  /** Its collapse key and its queue of outcomes. Undefined for most notifications. */
  options?: EndOptions | undefined;
}

/** A deleted row: `head` has the id. */
export interface DeletedHead {
  client: ClientKey;
  head: Buffer;
}

interface DeletedCount {
  client: ClientKey | null;
  count: number;
  head: Buffer | null;
}

export interface StoredPage {
  /** In order, without expired rows. */
  rows: { sequence: Sequence; appended: number; body: Buffer }[];
  /** False if nothing was stored after these rows at the time of reading. */
  more: boolean;
}

/** A page ends at this many rows, or with the row that reaches its limit of bytes. */
const PAGE_ROWS = 200;
/** Limit of rows that one statement deletes. */
const DELETED_ROWS = 10_000;

/**
 * Undelivered notifications: insert once, read in order after a sequence, delete up to a sequence, expire. Frequent
 * queries are named statements over arrays, which Postgres plans once. The query builder makes the others.
 */
export class StoredNotifications {
  readonly #postgres: Postgres;
  readonly #tables: Tables;
  /** The quoted name of stored_notifications. */
  readonly #table: string;

  constructor(postgres: Postgres, namespace: string) {
    this.#postgres = postgres;
    this.#tables = tablesOf(namespace);
    const { stored } = this.#tables;
    this.#table = `"${getTableConfig(stored).schema}"."${getTableName(stored)}"`;
  }

  /** One statement for all rows, none with options. Existing rows stay unchanged. */
  async insert(rows: readonly StoredNotification[]): Promise<void> {
    await this.#postgres.pool.query({
      name: "stored-insert",
      text: `insert into ${this.#table} (client, sequence, appended, expires, body)
             select client, sequence, to_timestamp(appended / 1000.0), to_timestamp(expires / 1000.0),
                    substring($5::bytea from start for length)
             from unnest($1::text[], $2::text[], $3::float8[], $4::float8[], $6::int4[], $7::int4[])
               as new(client, sequence, appended, expires, start, length)
             on conflict do nothing`,
      values: insertValues(rows),
    });
  }

  /**
   * The next page after a sequence for each client, in the order of `asked`. A distributed Postgres needs another form
   * of this statement: Citus does not push down a limit that is lateral to an array.
   */
  async pages(asked: readonly { client: ClientKey; after: Sequence }[], pageBytes: number): Promise<StoredPage[]> {
    const { rows } = await this.#postgres.pool.query<{ asker: number; page: Buffer }>({
      name: "stored-pages",
      text: `select asked.asker::int, string_agg(
               convert_to(page.sequence, 'UTF8') || int8send(page.appended) || int4send(octet_length(page.body)) || page.body,
               '' order by page.sequence) as page
             from unnest($1::text[], $2::text[]) with ordinality as asked(client, sequence, asker)
             cross join lateral (
               select sequence, (extract(epoch from appended) * 1000)::int8 as appended, body,
                      sum(octet_length(body)) over (order by sequence rows unbounded preceding) - octet_length(body) as before
               from (select sequence, appended, body from ${this.#table} as stored
                     where stored.client = asked.client and stored.sequence > asked.sequence
                     and (expires is null or expires > now())
                     order by sequence limit ${PAGE_ROWS}) as rows
             ) as page where page.before < $3 group by asked.asker`,
      values: [asked.map(({ client }) => client), asked.map(({ after }) => after), pageBytes],
    });
    const pages: StoredPage[] = asked.map(() => ({ rows: [], more: false }));
    for (const { asker, page } of rows) pages[asker - 1] = readPage(page, pageBytes);
    return pages;
  }

  /**
   * Deletes acknowledged rows in statements of a bounded size, and returns their number. It leaves expired rows to the
   * sweep: a replay skipped them, and an acknowledgement of later rows would delete them uncounted. It leaves rows that
   * ask for an outcome to StoredEnds, and adds their clients to `asking`. `ended` gets the deleted rows that are
   * followed.
   */
  async deleteUpTo(
    acknowledged: ReadonlyMap<ClientKey, Sequence>,
    { asking = new Set(), ended }: { asking?: Set<ClientKey>; ended?: (row: DeletedHead) => void } = {},
  ): Promise<number> {
    const values = [[...acknowledged.keys()], [...acknowledged.values()]];
    for (let deleted = 0; ;) {
      const { rows } = await this.#postgres.pool.query<DeletedCount>({
        name: "stored-delete",
        text: `with found as materialized (
                 select rows.client, rows.sequence, rows.outcomes is not null as asks
                 from unnest($1::text[], $2::text[]) as acknowledged(client, sequence)
                 cross join lateral (
                   select client, sequence, outcomes from ${this.#table} as stored
                   where stored.client = acknowledged.client and stored.sequence <= acknowledged.sequence
                   and (stored.expires is null or stored.expires > now()) order by sequence limit ${DELETED_ROWS}
                 ) as rows limit ${DELETED_ROWS}
               ), gone as (
                 delete from ${this.#table} as stored using found
                 where not found.asks and stored.client = found.client and stored.sequence = found.sequence
                 returning stored.client, case when octet_length(body) < ${HEAD_BYTES} then null
                   when get_byte(substring(body from ${HEAD_BYTES} for 1), 0) & ${FOLLOWED} <> 0
                   then substring(body from 1 for ${HEAD_BYTES}) end as head
               )
               select null as client, count(*)::int as count, null::bytea as head from gone
               union all select client, count(*)::int, null from found where asks group by client
               union all select client, 0, head from gone where head is not null`,
        values,
      });
      let [found, gone] = [0, 0];
      for (const { client, count, head } of rows) {
        found += count;
        if (head !== null) ended?.({ client: client!, head });
        else if (client === null) gone += count;
        else asking.add(client);
      }
      deleted += gone;
      if (found < DELETED_ROWS) return deleted;
      // The rows that stay hide all others.
      if (gone === 0) {
        for (const client of acknowledged.keys()) asking.add(client);
        return deleted;
      }
    }
  }

  /** Clients that have stored rows after the sequence that was sent to them last. */
  async waiting(sent: ReadonlyMap<ClientKey, Sequence>): Promise<ClientKey[]> {
    const result = await this.#postgres.pool.query<{ client: ClientKey }>({
      name: "stored-waiting",
      text: `select asked.client from unnest($1::text[], $2::text[]) as asked(client, sequence)
             where exists (select from ${this.#table} as stored where stored.client = asked.client
                           and stored.sequence > asked.sequence and (stored.expires is null or stored.expires > now()))`,
      values: [[...sent.keys()], [...sent.values()]],
    });
    return result.rows.map(({ client }) => client);
  }

  /**
   * Deletes up to `limit` expired rows and returns them, so that each is counted and logged. It leaves rows that ask for
   * an outcome to StoredEnds.
   */
  async sweep(limit: number): Promise<{ client: ClientKey; sequence: Sequence; body: Buffer }[]> {
    const { db } = this.#postgres;
    const { stored } = this.#tables;
    const expired = db
      .select({ client: stored.client, sequence: stored.sequence })
      .from(stored)
      .where(sql`${stored.expires} <= now() and ${stored.outcomes} is null`)
      .orderBy(stored.expires)
      .limit(limit)
      .for("update", { skipLocked: true });
    return db
      .delete(stored)
      .where(sql`(${stored.client}, ${stored.sequence}) in ${expired}`)
      .returning({ client: stored.client, sequence: stored.sequence, body: stored.body });
  }
}

/**
 * Bodies go as one binary value, and arrays as text. The client library would write each body as hexadecimal digits,
 * which takes half of a director's time while it stores much. Keys and sequences have no character that needs an escape
 * within a quoted array element.
 */
export function insertValues(rows: readonly StoredNotification[]): (string | Buffer)[] {
  let [clients, sequences, appended, expires, starts, lengths] = ["", "", "", "", "", ""];
  let start = 1;
  let comma = "";
  for (const row of rows) {
    clients += `${comma}"${row.client}"`;
    sequences += `${comma}${row.sequence}`;
    appended += `${comma}${row.appended}`;
    expires += `${comma}${row.expires ?? "NULL"}`;
    starts += `${comma}${start}`;
    lengths += `${comma}${row.body.length}`;
    start += row.body.length;
    comma = ",";
  }
  const bodies = Buffer.concat(rows.map(({ body }) => body));
  const arrays = [clients, sequences, appended, expires, starts, lengths].map((items) => `{${items}}`);
  return [...arrays.slice(0, 4), bodies, ...arrays.slice(4)];
}

/** Layout of a row in a page: sequence, appended u64 (ms), length u32 (of the body). */
const APPENDED_AT = START.length;
const LENGTH_AT = APPENDED_AT + 8;
const BODY_AT = LENGTH_AT + 4;

/** A page is one value, row after row: one value per row costs Postgres' client more than the row. */
function readPage(page: Buffer, pageBytes: number): StoredPage {
  const rows: StoredPage["rows"] = [];
  let bytes = 0;
  for (let at = 0; at < page.length;) {
    const end = at + BODY_AT + page.readUInt32BE(at + LENGTH_AT);
    const body = page.subarray(at + BODY_AT, end);
    // Only the low six bytes can be non-zero.
    const appended = page.readUIntBE(at + APPENDED_AT + 2, 6);
    rows.push({ sequence: page.toString("latin1", at, at + APPENDED_AT), appended, body });
    bytes += body.length;
    at = end;
  }
  // Either bound may have cut the page. If neither was reached, nothing was left out.
  return { rows, more: rows.length >= PAGE_ROWS || bytes >= pageBytes };
}
