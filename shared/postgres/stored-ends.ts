import { partitionOf, type ClientKey, type Sequence } from "#protocol/notification.ts";
import type { EndedNotification, Outcome } from "#protocol/outcome.ts";
import { HEAD_BYTES, notificationBody } from "#protocol/pack.ts";
import { getTableName } from "./drizzle.ts";
import type { Postgres, PostgresSession } from "./client.ts";
import { endingTransaction, type AppendOutcomes } from "./ending-transaction.ts";
import { tablesOf } from "./schema.ts";
import { insertValues, StoredNotifications, type StoredNotification } from "./stored-notifications.ts";

/** Rows that one transaction deletes. Their outcomes wait in memory for Kafka. */
const ROWS_AT_ONCE = 1_000;

export interface StoredEndsOptions {
  /** The number of partitions of accepted: rows of one partition are collapsed by one transaction at a time. */
  partitions: number;
  append: AppendOutcomes;
  /** Called after the deletion of rows. `head`: enough of the body for its id and whether it is followed. */
  ended?: (row: { client: ClientKey; head: Buffer }, outcome: Outcome) => void;
}

interface DeletedRow {
  client: ClientKey;
  sequence: Sequence;
  collapse: string | null;
  outcomes: string | null;
  /** The first bytes of the body, with its id and whether it is followed. */
  head: Buffer;
}

const RETURNING = `returning stored.client, stored.sequence, stored.collapse, stored.outcomes, substring(stored.body from 1 for ${HEAD_BYTES}) as head`;

/**
 * The end of stored notifications with options. It deletes in one transaction: delete, append the outcomes, commit. So a
 * failure between these repeats an outcome, and never loses one. Rows without options take the single statements of
 * StoredNotifications.
 */
export class StoredEnds {
  readonly #postgres: Postgres;
  readonly #stored: StoredNotifications;
  readonly #namespace: string;
  readonly #table: string;
  readonly #options: StoredEndsOptions;

  constructor(postgres: Postgres, namespace: string, options: StoredEndsOptions) {
    this.#postgres = postgres;
    this.#stored = new StoredNotifications(postgres, namespace);
    this.#namespace = namespace;
    this.#table = `"${namespace}"."${getTableName(tablesOf(namespace).stored)}"`;
    this.#options = options;
  }

  /** Of the rows of one client with one collapse key only the last one stays, in whatever order they are inserted. */
  async insert(rows: readonly StoredNotification[]): Promise<void> {
    if (rows.every(({ options }) => options === undefined)) return this.#stored.insert(rows);
    const newest = new Map<string, StoredNotification>();
    for (const row of rows) {
      if (row.options?.collapse === undefined) continue;
      const name = nameOf(row.client, row.options.collapse);
      if ((newest.get(name)?.sequence ?? "") < row.sequence) newest.set(name, row);
    }
    const collapsed = [...newest.values()];
    const outcomeOf = ({ client, collapse, sequence }: DeletedRow): Outcome => {
      const row = newest.get(nameOf(client, collapse!))!;
      return row.options!.retract === true && row.sequence > sequence ? "retracted" : "replaced";
    };
    await this.#ending(outcomeOf, async (session) => {
      await this.#lock(session, collapsed);
      await this.#insert(session, rows);
      return this.#replace(session, collapsed);
    });
  }

  /** Deletes acknowledged rows, with or without options. */
  async deleteUpTo(acknowledged: ReadonlyMap<ClientKey, Sequence>): Promise<void> {
    for (;;) {
      const asking = new Set<ClientKey>();
      await this.#stored.deleteUpTo(acknowledged, {
        asking,
        ended: (row) => this.#options.ended?.(row, "acknowledged"),
      });
      if (asking.size === 0) return;
      await this.#deleteAsking(new Map([...asking].map((client) => [client, acknowledged.get(client)!])));
    }
  }

  /** Deletes up to `limit` expired rows that ask for an outcome. */
  async sweep(limit: number): Promise<{ client: ClientKey; body: Buffer }[]> {
    const swept = await this.#ending(
      () => "expired",
      (session) =>
        rowsOf(session, {
          name: "ends-sweep",
          text: `delete from ${this.#table} as stored where (client, sequence) in (
                 select client, sequence from ${this.#table} where expires <= now() and outcomes is not null
                 order by expires limit $1 for update skip locked) ${RETURNING}`,
          values: [limit],
        }),
    );
    return swept.map(({ client, head }) => ({ client, body: head }));
  }

  async #deleteAsking(acknowledged: ReadonlyMap<ClientKey, Sequence>): Promise<void> {
    const values = [[...acknowledged.keys()], [...acknowledged.values()]];
    let deleted: DeletedRow[];
    do {
      deleted = await this.#ending(
        () => "acknowledged",
        (session) =>
          rowsOf(session, {
            name: "ends-delete",
            text: `delete from ${this.#table} as stored using (
                   select rows.client, rows.sequence from unnest($1::text[], $2::text[]) as acknowledged(client, sequence)
                   cross join lateral (
                     select client, sequence from ${this.#table} as stored
                     where stored.client = acknowledged.client and stored.sequence <= acknowledged.sequence
                     and stored.outcomes is not null and (stored.expires is null or stored.expires > now())
                     order by sequence limit ${ROWS_AT_ONCE}
                   ) as rows limit ${ROWS_AT_ONCE}
                 ) as gone where stored.client = gone.client and stored.sequence = gone.sequence ${RETURNING}`,
            values,
          }),
      );
    } while (deleted.length === ROWS_AT_ONCE);
  }

  /** One transaction: the rows that `work` deletes end with their outcomes. Returns them after the commit. */
  async #ending(
    outcome: (row: DeletedRow) => Outcome,
    work: (session: PostgresSession) => Promise<DeletedRow[]>,
  ): Promise<DeletedRow[]> {
    let deleted: DeletedRow[] = [];
    await endingTransaction(this.#postgres, this.#options.append, async (session) => {
      deleted = await work(session);
      return endedBy(deleted, outcome);
    });
    for (const row of deleted) this.#options.ended?.(row, outcome(row));
    return deleted;
  }

  /**
   * An earlier owner of a partition can still insert. Without the lock, its older row and our newer row would not see each
   * other.
   */
  async #lock(session: PostgresSession, rows: readonly StoredNotification[]): Promise<void> {
    const partitions = new Set(rows.map(({ client }) => partitionOf(client, this.#options.partitions)));
    await session.query({
      name: "ends-lock",
      text: "select pg_advisory_xact_lock(hashtextextended('collapse ' || $1 || ' ' || number, 0)) from unnest($2::int[]) as number",
      values: [this.#namespace, [...partitions].sort((one, other) => one - other)],
    });
  }

  async #insert(session: PostgresSession, rows: readonly StoredNotification[]): Promise<void> {
    const text = (of: (row: StoredNotification) => string | undefined): string =>
      `{${rows.map((row) => (of(row) === undefined ? "NULL" : `"${of(row)}"`)).join(",")}}`;
    await session.query({
      name: "ends-insert",
      text: `insert into ${this.#table} (client, sequence, appended, expires, body, collapse, outcomes)
             select client, sequence, to_timestamp(appended / 1000.0), to_timestamp(expires / 1000.0),
                    substring($5::bytea from start for length), collapse, outcomes
             from unnest($1::text[], $2::text[], $3::float8[], $4::float8[], $6::int4[], $7::int4[], $8::text[], $9::text[])
               as new(client, sequence, appended, expires, start, length, collapse, outcomes)
             on conflict do nothing`,
      values: [
        ...insertValues(rows),
        text(({ options }) => options?.collapse),
        text(({ options }) => options?.outcomes),
      ],
    });
  }

  async #replace(session: PostgresSession, newest: readonly StoredNotification[]): Promise<DeletedRow[]> {
    if (newest.length === 0) return [];
    return rowsOf(session, {
      name: "ends-replace",
      text: `delete from ${this.#table} as stored using (
               select asked.client, asked.collapse, last.sequence
               from unnest($1::text[], $2::text[]) as asked(client, collapse)
               cross join lateral (
                 select sequence from ${this.#table} as stored
                 where stored.client = asked.client and stored.collapse = asked.collapse order by sequence desc limit 1
               ) as last
             ) as last where stored.client = last.client and stored.collapse = last.collapse
             and stored.sequence < last.sequence ${RETURNING}`,
      values: [newest.map(({ client }) => client), newest.map(({ options }) => options!.collapse)],
    });
  }
}

async function rowsOf(
  session: PostgresSession,
  query: { name: string; text: string; values: unknown[] },
): Promise<DeletedRow[]> {
  return (await session.query<DeletedRow>(query)).rows;
}

function endedBy(rows: readonly DeletedRow[], outcome: (row: DeletedRow) => Outcome): EndedNotification[] {
  const ended: EndedNotification[] = [];
  for (const row of rows)
    if (row.outcomes !== null)
      ended.push({ key: row.client, id: notificationBody.id(row.head), outcomes: row.outcomes, outcome: outcome(row) });
  return ended;
}

/** No client's key has a space. */
function nameOf(client: ClientKey, collapse: string): string {
  return `${client} ${collapse}`;
}
