import { getTableName } from "./drizzle.ts";
import type { ClientKey } from "#protocol/notification.ts";
import type { Postgres } from "./client.ts";
import { tablesOf } from "./schema.ts";

/** A client is full no more where one part of so many of what it may have is free. */
const SHARE = 10;
/** To count is dear: that is done only for who was not counted for so long. */
const COUNT_AGAIN = "1 minute";

/** Who has as many stored as may be: directors mark them, receivers refuse what is for them, so that nothing is ever taken away. */
export class FullInboxes {
  readonly #postgres: Postgres;
  readonly #stored: string;
  readonly #full: string;

  constructor(postgres: Postgres, namespace: string) {
    this.#postgres = postgres;
    this.#stored = `"${namespace}"."${getTableName(tablesOf(namespace).stored)}"`;
    this.#full = `"${namespace}".full_clients`;
  }

  /** Marks those of them who have so many, or more; answers who was not marked before. */
  mark(most: ReadonlyMap<ClientKey, number>): Promise<ClientKey[]> {
    return this.#ask(
      "full-mark",
      `insert into ${this.#full} (client, boundary)
       select asked.client, (select sequence from ${this.#stored} as stored where stored.client = asked.client
                             order by sequence offset (asked.most - 1) / ${SHARE} limit 1)
       from unnest($1::text[], $2::bigint[]) as asked(client, most)
       where exists (select from ${this.#stored} as stored where stored.client = asked.client offset asked.most - 1 limit 1)
       on conflict do nothing returning client`,
      [[...most.keys()], [...most.values()].map(atLeastOne)],
    );
  }

  /** Takes the mark from those who have read enough; answers who they are. One look into an index for each. */
  clearRead(): Promise<ClientKey[]> {
    return this.#ask(
      "full-clear-read",
      // A subquery with a limit is never made a join, which could read the whole table.
      `delete from ${this.#full} as marked where not exists
         (select from ${this.#stored} as stored
          where stored.client = marked.client and stored.sequence <= marked.boundary offset 0 limit 1)
       returning client`,
      [],
    );
  }

  /** The one that was not counted for longest, if for long: what expired, or another bound, makes room as well. Each is one director's. */
  async toCount(): Promise<ClientKey | undefined> {
    const [client] = await this.#ask(
      "full-to-count",
      `update ${this.#full} set counted = now() where client =
         (select client from ${this.#full} where counted < now() - interval '${COUNT_AGAIN}' order by counted limit 1 for update skip locked)
       returning client`,
      [],
    );
    return client;
  }

  /** Takes its mark where a part of `most` is free; true where it was. */
  async clear(client: ClientKey, most: number): Promise<boolean> {
    const cleared = await this.#ask(
      "full-clear",
      `delete from ${this.#full} where client = $1 and not exists
         (select from ${this.#stored} as stored where stored.client = $1 offset $2::bigint limit 1)
       returning client`,
      [client, Math.floor(most - most / SHARE)],
    );
    return cleared.length > 0;
  }

  /** Those who are marked, the longest first, at most so many. */
  all(limit: number): Promise<ClientKey[]> {
    return this.#ask("full-all", `select client from ${this.#full} order by since limit $1`, [limit]);
  }

  async #ask(name: string, text: string, values: unknown[]): Promise<ClientKey[]> {
    const { rows } = await this.#postgres.pool.query<{ client: ClientKey }>({ name, text, values });
    return rows.map(({ client }) => client);
  }
}

function atLeastOne(count: number): number {
  return Math.max(1, Math.floor(count));
}
