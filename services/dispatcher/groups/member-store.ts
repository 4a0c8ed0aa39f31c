import type { Postgres } from "@saasaparilla/shared/postgres/client.ts";
import { clientKey, type ClientKey } from "@saasaparilla/shared/protocol/notification.ts";

/** Parts of a group. A member is always in the same one (`slice` in the table). */
export const SLICES = 16;
/** The slice that has all members. */
export const WHOLE = -1;

export interface GroupPart {
  tenant: string;
  group: string;
  /** 0 to SLICES - 1, or WHOLE. */
  slice: number;
}

/** Members of groups. A change counts for each page that is read after it. */
export class MemberStore {
  readonly #postgres: Postgres;
  readonly #schema: string;

  constructor(postgres: Postgres, namespace: string) {
    this.#postgres = postgres;
    this.#schema = `"${namespace}"`;
  }

  /** Existing members stay as they are, and absent ones may be removed. */
  async change(
    tenant: string,
    group: string,
    changes: { add: readonly string[]; remove: readonly string[] },
  ): Promise<{ added: number; removed: number }> {
    const keysOf = (clients: readonly string[]): string[] => clients.map((client) => clientKey(tenant, client));
    const { rows } = await this.#postgres.pool.query<{ added: number; removed: number }>({
      name: "members-change",
      text: `with removed as (
               delete from ${this.#schema}.members where tenant = $1 and name = $2 and client = any($4::text[]) returning 1
             ), added as (
               insert into ${this.#schema}.members (client, tenant, name)
               select client, $1, $2 from unnest($3::text[]) as given(client) on conflict do nothing returning 1
             ) select (select count(*) from added)::int as added, (select count(*) from removed)::int as removed`,
      values: [tenant, group, keysOf(changes.add), keysOf(changes.remove)],
    });
    return rows[0]!;
  }

  /**
   * The next members after `after`, in the order of slices, and of keys within a slice. One value for all of them: a
   * row each costs more.
   */
  async page({ tenant, group, slice }: GroupPart, after: ClientKey, limit: number): Promise<ClientKey[]> {
    const [first, last] = slice === WHOLE ? [0, SLICES - 1] : [slice, slice];
    const { rows } = await this.#postgres.pool.query<{ clients: string | null }>({
      name: "members-page",
      text: `select string_agg(client, ' ' order by slice, client) as clients from (
               select slice, client from ${this.#schema}.members where tenant = $1 and name = $2 and slice <= $4
               and (slice, client) > (case when $5 = '' then $3::int else (hashtextextended($5, 0) & 15)::int end, $5)
               order by slice, client limit $6
             ) as page`,
      values: [tenant, group, first, last, after, limit],
    });
    const clients = rows[0]?.clients ?? "";
    return clients === "" ? [] : clients.split(" ");
  }

  /** The ids of the next members after this one, in the order of `page`. */
  async list(tenant: string, group: string, after: string, limit: number): Promise<string[]> {
    const keys = await this.page({ tenant, group, slice: WHOLE }, after && clientKey(tenant, after), limit);
    return keys.map((key) => key.slice(tenant.length + 1));
  }

  /** The number of members, counted up to `most`. */
  async count(tenant: string, group: string, most: number): Promise<number> {
    const { rows } = await this.#postgres.pool.query<{ members: number }>({
      name: "members-count",
      text: `select count(*)::int as members from (
               select from ${this.#schema}.members where tenant = $1 and name = $2 limit $3
             ) as bounded`,
      values: [tenant, group, most],
    });
    return rows[0]!.members;
  }

  /** Deletes all members of a group in bounded statements. */
  async clear(tenant: string, group: string): Promise<number> {
    for (let deleted = 0; ;) {
      const { rowCount } = await this.#postgres.pool.query({
        name: "members-clear",
        text: `delete from ${this.#schema}.members where tenant = $1 and name = $2 and client in (
                 select client from ${this.#schema}.members where tenant = $1 and name = $2 limit $3)`,
        values: [tenant, group, CLEARED_ROWS],
      });
      deleted += rowCount ?? 0;
      if ((rowCount ?? 0) < CLEARED_ROWS) return deleted;
    }
  }
}

const CLEARED_ROWS = 10_000;
