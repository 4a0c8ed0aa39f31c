import type { Postgres } from "@saasaparilla/shared/postgres/client.ts";
import { withTimeout } from "@saasaparilla/shared/runtime/timeout.ts";
import type { Log } from "@saasaparilla/shared/runtime/log.ts";

/** Above it, an answer says only that there are more. */
export const MOST_MEMBERS = 10_000;
const MOST_NAMES = 1_000;
/** One request could name as many groups as it has items. */
const MOST_GROUPS = 20;
const WAIT_MS = 1_000;

export interface GroupMembers {
  /** At most MOST_MEMBERS + 1. */
  count: number;
  /** The first MOST_NAMES, for those who may read them. */
  clients: string[] | undefined;
}

/** The members of groups at the moment, for dry runs. */
export class GroupAudience {
  readonly #postgres: Pick<Postgres, "pool">;
  readonly #members: string;
  readonly #log: Pick<Log, "warn">;

  constructor(postgres: Pick<Postgres, "pool">, namespace: string, log: Pick<Log, "warn">) {
    this.#postgres = postgres;
    this.#members = `"${namespace}".members`;
    this.#log = log;
  }

  /** By group. A group that cannot be counted now is left out. */
  async of(tenant: string, groups: readonly string[], named: boolean): Promise<ReadonlyMap<string, GroupMembers>> {
    const asked = [...new Set(groups)].slice(0, MOST_GROUPS);
    if (asked.length === 0) return new Map();
    try {
      const found = await withTimeout(WAIT_MS, this.#read(tenant, asked, named));
      return new Map(found?.map(({ name, count, clients }) => [name, { count, clients: clients ?? undefined }]));
    } catch (error) {
      this.#log.warn({ err: error }, "counting members for a dry run failed");
      return new Map();
    }
  }

  async #read(tenant: string, groups: readonly string[], named: boolean) {
    const { rows } = await this.#postgres.pool.query<{ name: string; count: number; clients: string[] | null }>({
      name: "dry-run-members",
      text: `select name,
               (select count(*)::int from (select from ${this.#members} as member
                where member.tenant = $1 and member.name = asked.name limit ${MOST_MEMBERS + 1}) as counted) as count,
               case when $3 then array(select substr(client, length($1) + 2) from ${this.#members} as member
                where member.tenant = $1 and member.name = asked.name limit ${MOST_NAMES}) end as clients
             from unnest($2::text[]) as asked(name)`,
      values: [tenant, groups, named],
    });
    return rows;
  }
}
