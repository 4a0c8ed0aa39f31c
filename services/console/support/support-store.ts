import type { Postgres } from "@saasaparilla/shared/postgres/client.ts";
import type { ClientKey } from "@saasaparilla/shared/protocol/notification.ts";
import type { Target } from "@saasaparilla/shared/protocol/publication.ts";
import type { InboxMark, PublicationFacts } from "./facts.ts";

/** Stored rows of one client that are searched for an id: no index has it. */
const SEARCHED_ROWS = 10_000;
const MOST_GROUPS = 100;

export interface StoredRow {
  id: string;
  sequence: string;
  since: number;
  expires?: number;
}

export interface Search {
  found: StoredRow | undefined;
  /** False: the client has more rows than were searched. */
  complete: boolean;
}

export interface ClientStores {
  stored: { count: number; more: boolean; oldest?: number };
  inbox: { count: number; newest?: number };
  groups: string[];
}

const MS = (column: string): string => `(extract(epoch from ${column}) * 1000)::float8`;
const MARKS: readonly InboxMark[] = ["none", "seen", "read", "archived"];

/** What the stores have of notifications and clients now. Each statement is bounded. */
export class SupportStore {
  readonly #pool: Postgres["pool"];
  readonly #schema: string;

  constructor({ pool }: Pick<Postgres, "pool">, namespace: string) {
    this.#pool = pool;
    this.#schema = `"${namespace}"`;
  }

  /** Searches the oldest stored rows of a client or queue. */
  async search(key: ClientKey, id: string): Promise<Search> {
    const { rows } = await this.#pool.query<{
      searched: number;
      sequence: string | null;
      since: number;
      expires: number | null;
    }>({
      name: "support-search",
      text: `with searched as materialized (
               select sequence, substring(body from 1 for 16) = decode(replace($2, '-', ''), 'hex') as is_it
               from ${this.#schema}.stored_notifications where client = $1 order by sequence limit ${SEARCHED_ROWS} + 1
             )
             select (select count(*)::int4 from searched) as searched, row.sequence, ${MS("row.appended")} as since,
                    ${MS("row.expires")} as expires
             from (select) as one left join lateral (
               select sequence, appended, expires from ${this.#schema}.stored_notifications as stored
               where client = $1 and sequence = (select sequence from searched where is_it limit 1)
             ) as row on true`,
      values: [key, id],
    });
    const { searched, sequence, since, expires } = rows[0]!;
    const found = sequence === null ? undefined : { id, sequence, since, ...(expires !== null && { expires }) };
    return { found, complete: searched <= SEARCHED_ROWS };
  }

  async publication(tenant: string, id: string): Promise<PublicationFacts | undefined> {
    const { rows } = await this.#pool.query<
      Pick<PublicationFacts, "state" | "due" | "written" | "refused"> & {
        to: Target;
        ended: number | null;
        reason: string | null;
      }
    >({
      name: "support-publication",
      text: `select state, reason, head -> 'to' as to, ${MS("due")} as due, ${MS("ended")} as ended,
               case when ended is null then sums.written else publication.written end::float8 as written,
               case when ended is null then sums.refused else publication.refused end::float8 as refused
             from ${this.#schema}.publications as publication cross join lateral (
               select coalesce(sum(written), 0) as written, coalesce(sum(refused), 0) as refused
               from ${this.#schema}.publication_slices as slice
               where slice.id = publication.id and slice.tenant = publication.tenant
             ) as sums where publication.id = $1 and publication.tenant = $2`,
      values: [id, tenant],
    });
    if (!rows[0]) return undefined;
    const { to, ended, reason, ...rest } = rows[0];
    return { ...rest, target: targetOf(to), ...(ended !== null && { ended }), ...(reason !== null && { reason }) };
  }

  async quarantined(tenant: string, id: string): Promise<{ queue: string; reason: string; at: number } | undefined> {
    const { rows } = await this.#pool.query<{ source: string; reason: string; at: number }>({
      name: "support-quarantined",
      text: `select source, reason, ${MS("at")} as at from ${this.#schema}.quarantine
             where tenant = $1 and id = $2 order by at desc limit 1`,
      values: [tenant, id],
    });
    return rows[0] && { queue: rows[0].source.replace("queue/", "the queue "), reason: rows[0].reason, at: rows[0].at };
  }

  /** The item of a client's inbox with its highest mark. */
  async inbox(key: ClientKey, id: string): Promise<{ since: number; mark: InboxMark } | undefined> {
    const { rows } = await this.#pool.query<{ since: number; mark: number }>({
      name: "support-inbox",
      text: `select ${MS("item.appended")} as since, greatest(
               (select max(mark) from ${this.#schema}.inbox_marks where client = $1 and id = $2),
               (select max(case when item.sequence <= archived_to then 3 when item.sequence <= read_to then 2
                                when item.sequence <= seen_to then 1 else 0 end)
                from ${this.#schema}.inbox_clients where client = $1), 0) as mark
             from ${this.#schema}.inbox_items as item
             where client = $1 and id = $2 and not retract order by sequence limit 1`,
      values: [key, id],
    });
    return rows[0] && { since: rows[0].since, mark: MARKS[rows[0].mark]! };
  }

  async client(tenant: string, key: ClientKey): Promise<ClientStores> {
    const { rows } = await this.#pool.query<{
      stored: number;
      oldest: number | null;
      items: number;
      newest: number | null;
      groups: string[];
    }>({
      name: "support-client",
      text: `select stored.*, inbox.*, array(
               select name from ${this.#schema}.members where client = $1 and tenant = $2 order by name limit ${MOST_GROUPS}
             ) as groups
             from (
               select count(*)::int4 as stored, ${MS("min(appended)")} as oldest from (
                 select appended from ${this.#schema}.stored_notifications
                 where client = $1 and (expires is null or expires > now()) order by sequence limit ${SEARCHED_ROWS} + 1
               ) as rows
             ) as stored cross join (
               select count(*)::int4 as items, ${MS("max(appended)")} as newest from ${this.#schema}.inbox_items
               where client = $1 and not retract and (expires is null or expires > now())
             ) as inbox`,
      values: [key, tenant],
    });
    const { stored, oldest, items, newest, groups } = rows[0]!;
    return {
      stored: {
        count: Math.min(stored, SEARCHED_ROWS),
        more: stored > SEARCHED_ROWS,
        ...(oldest !== null && { oldest }),
      },
      inbox: { count: items, ...(newest !== null && { newest }) },
      groups,
    };
  }

  /** The newest stored notifications of a client. */
  async newest(key: ClientKey, limit: number): Promise<StoredRow[]> {
    const { rows } = await this.#pool.query<{ id: string; sequence: string; since: number; expires: number | null }>({
      name: "support-newest",
      text: `select encode(substring(body from 1 for 16), 'hex')::uuid as id, sequence, ${MS("appended")} as since,
                    ${MS("expires")} as expires
             from ${this.#schema}.stored_notifications where client = $1 order by sequence desc limit $2`,
      values: [key, limit],
    });
    return rows.map(({ expires, ...row }) => ({ ...row, ...(expires !== null && { expires }) }));
  }

  /** The bytes of the JSON text of a notification's data, from the first store that has it. */
  async payload(
    tenant: string,
    key: ClientKey | undefined,
    id: string,
    sequence?: string,
  ): Promise<Payload | undefined> {
    const { rows } = await this.#pool.query<Payload>({
      name: "support-payload",
      text: `select * from (
               select 'stored' as store, body as bytes, true as packed from ${this.#schema}.stored_notifications
               where client = $2 and sequence = $4
               union all select 'quarantine', body, true from ${this.#schema}.quarantine where tenant = $1 and id = $3
               union all select 'publication', body, false from ${this.#schema}.publications
               where id = $3 and tenant = $1 and body is not null
               union all select 'inbox', data, false from ${this.#schema}.inbox_items where client = $2 and id = $3
             ) as found limit 1`,
      values: [tenant, key ?? null, id, sequence ?? null],
    });
    return rows[0];
  }
}

export interface Payload {
  store: "stored" | "quarantine" | "publication" | "inbox";
  bytes: Buffer;
  /** The bytes are a notification's body, as in protocol/pack.ts. */
  packed: boolean;
}

/** As in the timeline: `group:team`. */
function targetOf(to: Target): string {
  if ("clients" in to) return "clients";
  return Object.entries(to)
    .filter(([name]) => name !== "key")
    .map(([name, value]) => `${name}:${String(value)}`)
    .join();
}
