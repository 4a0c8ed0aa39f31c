import { getTableName, sql } from "drizzle-orm";
import { getTableConfig } from "drizzle-orm/pg-core";
import type { ClientKey, Sequence } from "./notification.ts";
import type { Postgres } from "./postgres.ts";
import { tablesOf, type Tables } from "./tables.ts";

export interface StoredNotification {
  client: ClientKey;
  sequence: Sequence;
  /** ms since 1970, by the broker. */
  appended: number;
  /** ms since 1970; undefined for never. */
  expires: number | undefined;
  /** A notification's body, as in pack.ts. */
  body: Buffer;
}

export interface StoredPage {
  /** In order, without what has expired. */
  rows: { sequence: Sequence; appended: number; body: Buffer }[];
  /** False where, when this was read, nothing was stored after these rows. */
  more: boolean;
}

/** A page ends at this many rows, or with the row that reaches these bytes. */
const PAGE_ROWS = 200;
const PAGE_BYTES = 128 * 1024;

/**
 * What could not be delivered: insert once, read in order after a sequence, delete up to a sequence, expire. What is asked
 * often is a named statement over arrays, which Postgres plans once; the rest is the query builder's.
 */
export class Stored {
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

  /** One statement for all rows; a row that is there already stays as it is. */
  async insert(rows: readonly StoredNotification[]): Promise<void> {
    await this.#postgres.pool.query({
      name: "stored-insert",
      text: `insert into ${this.#table} (client, sequence, appended, expires, body)
             select client, sequence, to_timestamp(appended / 1000.0), to_timestamp(expires / 1000.0), body
             from unnest($1::text[], $2::text[], $3::float8[], $4::float8[], $5::bytea[]) as new(client, sequence, appended, expires, body)
             on conflict do nothing`,
      values: [
        rows.map(({ client }) => client),
        rows.map(({ sequence }) => sequence),
        rows.map(({ appended }) => appended),
        rows.map(({ expires }) => expires ?? null),
        rows.map(({ body }) => body),
      ],
    });
  }

  /** The next page after a sequence. */
  async after(client: ClientKey, sequence: Sequence): Promise<StoredPage> {
    const { rows } = await this.#postgres.pool.query<StoredPage["rows"][number]>({
      name: "stored-after",
      text: `select sequence, appended, body from (
               select sequence, (extract(epoch from appended) * 1000)::float8 as appended, body,
                      sum(octet_length(body)) over (order by sequence) - octet_length(body) as before
               from (select sequence, appended, body from ${this.#table}
                     where client = $1 and sequence > $2 and (expires is null or expires > now())
                     order by sequence limit ${PAGE_ROWS}) as rows
             ) as page where before < ${PAGE_BYTES} order by sequence`,
      values: [client, sequence],
    });
    // Either bound may have cut it off; where neither was reached nothing was left out.
    const bytes = rows.reduce((sum, { body }) => sum + body.length, 0);
    return { rows, more: rows.length >= PAGE_ROWS || bytes >= PAGE_BYTES };
  }

  /**
   * Deletes what the clients have acknowledged; answers how many rows went. What has expired is the sweep's: a replay left it
   * out, and an acknowledgement of what came after it would take it away without its being counted.
   */
  async deleteUpTo(acknowledged: ReadonlyMap<ClientKey, Sequence>): Promise<number> {
    const result = await this.#postgres.pool.query({
      name: "stored-delete",
      text: `delete from ${this.#table} as stored using unnest($1::text[], $2::text[]) as acknowledged(client, sequence)
             where stored.client = acknowledged.client and stored.sequence <= acknowledged.sequence
             and (stored.expires is null or stored.expires > now())`,
      values: [[...acknowledged.keys()], [...acknowledged.values()]],
    });
    return result.rowCount ?? 0;
  }

  /** Which of these clients have something stored after the sequence that they were sent last. */
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

  /** Deletes up to `limit` expired rows and answers which, so that each is counted and logged. */
  async sweep(limit: number): Promise<{ client: ClientKey; sequence: Sequence; body: Buffer }[]> {
    const { db } = this.#postgres;
    const { stored } = this.#tables;
    const expired = db
      .select({ client: stored.client, sequence: stored.sequence })
      .from(stored)
      .where(sql`${stored.expires} <= now()`)
      .orderBy(stored.expires)
      .limit(limit)
      .for("update", { skipLocked: true });
    return db
      .delete(stored)
      .where(sql`(${stored.client}, ${stored.sequence}) in ${expired}`)
      .returning({ client: stored.client, sequence: stored.sequence, body: stored.body });
  }
}
