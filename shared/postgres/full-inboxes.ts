import { getTableName } from "./drizzle.ts";
import type { ClientKey } from "#protocol/notification.ts";
import type { Postgres } from "./client.ts";
import { tablesOf } from "./schema.ts";

/** A client's inbox is full until one part in this many of its limit is free. */
const SHARE = 10;
/** Counting is expensive, so a client is counted at most once in this time. */
const COUNT_AGAIN = "1 minute";
/** A queue's messages are confirmed in any order, so only a count says whether it has room. */
const COUNT_QUEUE_AGAIN = "5 seconds";
/** The boundary of a queue: no sequence is at or below it. */
const NO_BOUNDARY = "''";

/**
 * Clients with full inboxes. Directors mark them, and receivers refuse notifications for them, so that nothing is ever
 * deleted for space.
 */
export class FullInboxes {
  readonly #postgres: Postgres;
  readonly #stored: string;
  readonly #full: string;
  readonly #claims: string;

  constructor(postgres: Postgres, namespace: string) {
    this.#postgres = postgres;
    this.#stored = `"${namespace}"."${getTableName(tablesOf(namespace).stored)}"`;
    this.#full = `"${namespace}".full_clients`;
    this.#claims = `"${namespace}".claims`;
  }

  /** Marks the clients that have reached their limit, or more. Returns the newly marked. */
  mark(most: ReadonlyMap<ClientKey, number>): Promise<ClientKey[]> {
    return this.#ask(
      "full-mark",
      `insert into ${this.#full} (client, boundary)
       select asked.client, case when asked.client like '%}' then ${NO_BOUNDARY} else
         (select sequence from ${this.#stored} as stored where stored.client = asked.client
          order by sequence offset (asked.most - 1) / ${SHARE} limit 1) end
       from unnest($1::text[], $2::bigint[]) as asked(client, most)
       where exists (${this.#counted("asked.client")} offset asked.most - 1 limit 1)
       on conflict do nothing returning client`,
      [[...most.keys()], [...most.values()].map(atLeastOne)],
    );
  }

  /** Unmarks the clients that have read enough, and returns them. One index look-up for each. */
  clearRead(): Promise<ClientKey[]> {
    return this.#ask(
      "full-clear-read",
      // A subquery with a limit is never made a join, which could read the whole table.
      `delete from ${this.#full} as marked where boundary <> ${NO_BOUNDARY} and not exists
         (select from ${this.#stored} as stored
          where stored.client = marked.client and stored.sequence <= marked.boundary offset 0 limit 1)
       returning client`,
      [],
    );
  }

  /**
   * The client whose last count is the oldest, if it is due. Expired rows or a new limit make room as well. Each goes
   * to one director.
   */
  async toCount(): Promise<ClientKey | undefined> {
    const [client] = await this.#ask(
      "full-to-count",
      `update ${this.#full} set counted = now() where client =
         (select client from ${this.#full} where counted < now() -
            case when boundary = ${NO_BOUNDARY} then interval '${COUNT_QUEUE_AGAIN}' else interval '${COUNT_AGAIN}' end
          order by counted limit 1 for update skip locked)
       returning client`,
      [],
    );
    return client;
  }

  /** Removes its mark if a part of `most` is free. True if it was marked. */
  async clear(client: ClientKey, most: number): Promise<boolean> {
    const cleared = await this.#ask(
      "full-clear",
      `delete from ${this.#full} where client = $1 and not exists
         (${this.#counted("$1")} offset $2::bigint limit 1)
       returning client`,
      [client, Math.floor(most - most / SHARE)],
    );
    return cleared.length > 0;
  }

  /** The marked clients, the longest first, up to `limit`. */
  all(limit: number): Promise<ClientKey[]> {
    return this.#ask("full-all", `select client from ${this.#full} order by since limit $1`, [limit]);
  }

  /** A row for each stored notification, and for each confirmation of a queue that waits for a gap to close. */
  #counted(client: string): string {
    return `select from ${this.#stored} as stored where stored.client = ${client}
            union all select from ${this.#claims} as claims where claims.client = ${client} and confirmed`;
  }

  async #ask(name: string, text: string, values: unknown[]): Promise<ClientKey[]> {
    const { rows } = await this.#postgres.pool.query<{ client: ClientKey }>({ name, text, values });
    return rows.map(({ client }) => client);
  }
}

function atLeastOne(count: number): number {
  return Math.max(1, Math.floor(count));
}
