import { getTableName } from "drizzle-orm";
import type { ClientKey } from "./notification.ts";
import type { Postgres } from "./postgres.ts";
import { tablesOf } from "./tables.ts";

/** Who has as many stored as may be: directors mark them, receivers refuse what is for them, so that nothing is ever taken away. */
export class FullClients {
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
      `insert into ${this.#full} (client)
       select asked.client from unnest($1::text[], $2::bigint[]) as asked(client, most)
       where exists (select from ${this.#stored} as stored where stored.client = asked.client offset asked.most - 1 limit 1)
       on conflict do nothing returning client`,
      most,
    );
  }

  /** Takes the mark from those of them who have fewer; answers who they are. */
  clear(fewer: ReadonlyMap<ClientKey, number>): Promise<ClientKey[]> {
    return this.#ask(
      "full-clear",
      `delete from ${this.#full} as full_client using unnest($1::text[], $2::bigint[]) as asked(client, fewer)
       where full_client.client = asked.client
       and not exists (select from ${this.#stored} as stored where stored.client = asked.client offset asked.fewer - 1 limit 1)
       returning full_client.client`,
      fewer,
    );
  }

  /** Those who are marked, the longest first, at most so many. */
  async all(limit: number): Promise<ClientKey[]> {
    const { rows } = await this.#postgres.pool.query<{ client: ClientKey }>({
      name: "full-all",
      text: `select client from ${this.#full} order by since limit $1`,
      values: [limit],
    });
    return rows.map(({ client }) => client);
  }

  async #ask(name: string, text: string, counts: ReadonlyMap<ClientKey, number>): Promise<ClientKey[]> {
    const values = [[...counts.keys()], [...counts.values()].map((count) => Math.max(1, Math.floor(count)))];
    const { rows } = await this.#postgres.pool.query<{ client: ClientKey }>({ name, text, values });
    return rows.map(({ client }) => client);
  }
}
