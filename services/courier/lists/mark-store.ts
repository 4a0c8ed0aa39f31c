import type { Postgres } from "@saasaparilla/shared/postgres/client.ts";
import { MARKS, type Mark } from "@saasaparilla/shared/protocol/inbox.ts";
import type { ClientKey } from "@saasaparilla/shared/protocol/notification.ts";
import { inTransaction } from "@saasaparilla/shared/postgres/transaction.ts";
import type { Marked } from "./list-store.ts";

/** Of a client with more marks, those without an item are deleted before new ones are written. */
const MOST_MARKS = 2_000;

/** The present week, as the tables' partitions count it. */
const WEEK = "floor(extract(epoch from now()) / 604800)::int4";
const COLUMN = { seen: "seen_to", read: "read_to", archived: "archived_to" } as const satisfies Record<Mark, string>;

/** The most marks of one request that are recorded in the timeline. An inbox shows no more items. */
const MOST_RECORDED = 500;

export interface Written {
  /** Marks that were dropped. */
  dropped: number;
  /** The ids of followed items that did not have this mark. */
  followed: readonly string[];
}

/** Marks only rise. They never wait for items: a mark may precede its item. */
export class MarkStore {
  readonly #postgres: Pick<Postgres, "pool">;
  readonly #schema: string;

  constructor(postgres: Pick<Postgres, "pool">, namespace: string) {
    this.#postgres = postgres;
    this.#schema = `"${namespace}"`;
  }

  async write(client: ClientKey, mark: Mark, marked: Marked): Promise<Written> {
    if ("upTo" in marked) {
      const column = COLUMN[mark];
      const { rows } = await this.#postgres.pool.query<{ id: string }>({
        name: `inbox-mark-to-${mark}`,
        // All parts see the marks from before.
        text: `with written as (
                 insert into ${this.#schema}.inbox_clients as old (client, week, ${column}) values ($1, ${WEEK}, $2)
                 on conflict (client, week) do update set ${column} = excluded.${column}
                 where old.${column} < excluded.${column}
               )
               select id from ${this.#schema}.inbox_items where client = $1 and sequence <= $2 and followed
               and sequence > coalesce((select max(${column}) from ${this.#schema}.inbox_clients where client = $1), '')
               order by sequence desc limit ${MOST_RECORDED}`,
        values: [client, marked.upTo],
      });
      return { dropped: 0, followed: rows.map(({ id }) => id) };
    }
    const dropped = await this.#makeRoom(client);
    const { rows } = await this.#postgres.pool.query<{ id: string }>({
      name: "inbox-mark-ids",
      text: `with written as (
               insert into ${this.#schema}.inbox_marks as old (client, id, week, mark)
               select $1, id, ${WEEK}, $3::int2 from unnest($2::uuid[]) as id
               on conflict (client, id, week) do update set mark = excluded.mark where old.mark < excluded.mark
             )
             select id from ${this.#schema}.inbox_items as item where client = $1 and id = any($2::uuid[]) and followed
             and not exists (select from ${this.#schema}.inbox_marks as mark
                             where mark.client = $1 and mark.id = item.id and mark.mark >= $3::int2)`,
      // In one order, so that two requests do not wait for each other's rows.
      values: [client, [...new Set(marked.ids)].sort(), MARKS.indexOf(mark) + 1],
    });
    return { dropped, followed: rows.map(({ id }) => id) };
  }

  /** Marks whose items never come would grow without end. */
  async #makeRoom(client: ClientKey): Promise<number> {
    const { rows } = await this.#postgres.pool.query<{ over: boolean }>({
      name: "inbox-marks-count",
      text: `select count(*) > $2::int4 as over from (
               select from ${this.#schema}.inbox_marks where client = $1 limit $2::int4 + 1) as counted`,
      values: [client, MOST_MARKS],
    });
    if (!rows[0]!.over) return 0;
    const { rowCount } = await this.#postgres.pool.query({
      name: "inbox-marks-room",
      text: `delete from ${this.#schema}.inbox_marks where client = $1 and id <> all (
               array(select id from ${this.#schema}.inbox_items where client = $1))`,
      values: [client],
    });
    return rowCount ?? 0;
  }

  /** Deletes the inbox of a person. Returns the number of deleted items. */
  forget(client: ClientKey): Promise<number> {
    return inTransaction(this.#postgres.pool, async (session) => {
      for (const table of ["inbox_marks", "inbox_clients"])
        await session.query(`delete from ${this.#schema}.${table} where client = $1`, [client]);
      const { rowCount } = await session.query(`delete from ${this.#schema}.inbox_items where client = $1`, [client]);
      return rowCount ?? 0;
    });
  }
}
