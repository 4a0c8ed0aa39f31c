import type { Postgres } from "@saasaparilla/shared/postgres/client.ts";
import type { ClientKey, Sequence } from "@saasaparilla/shared/protocol/notification.ts";

export interface ListBounds {
  client: ClientKey;
  /** The newest rows that the list shows. */
  items: number;
  days: number;
}

export interface ListRequest extends ListBounds {
  /** Undefined: from the newest one. */
  before: Sequence | undefined;
  limit: number;
}

export interface ListedItem {
  sequence: Sequence;
  id: string;
  event: string | null;
  collapse: string | null;
  headers: string | null;
  traceparent: string | null;
  appended: Date;
  /** 0: none; 1: seen; 2: read. */
  mark: number;
  data: Buffer;
}

export interface Counts {
  unread: number;
  unseen: number;
}

export interface ListPage extends Counts {
  items: ListedItem[];
  more: boolean;
}

/** The items that a mark concerns: by id, or all up to a sequence. */
export type Marked = { ids: readonly string[] } | { upTo: Sequence };

/** An item whose outcome `read` is not known to be in Kafka. */
export interface AskingItem {
  sequence: Sequence;
  id: string;
  outcomes: string;
}

type PageRow = [unread: number, unseen: number, marks: [sequence: Sequence, mark: number][] | null];
type ItemRow = [
  sequence: Sequence,
  id: string,
  event: string | null,
  collapse: string | null,
  headers: string | null,
  traceparent: string | null,
  appended: number,
];

/** Lists are computed when they are read. So the order in which items, marks and collapses arrive means nothing. */
export class ListStore {
  readonly #postgres: Pick<Postgres, "pool">;
  readonly #schema: string;

  constructor(postgres: Pick<Postgres, "pool">, namespace: string) {
    this.#postgres = postgres;
    this.#schema = `"${namespace}"`;
  }

  /**
   * One statement, so the page and the counts fit each other. Its first row has the counts and the marks of the page. The
   * others have the items between the first and the last one of the page: a range costs less than many keys. Each row
   * has two values, because the client of Postgres spends its time on values.
   */
  async page({ client, items, days, before, limit }: ListRequest): Promise<ListPage> {
    const { rows } = await this.#postgres.pool.query<{ about: string; data: Buffer | null }>({
      name: "inbox-page",
      text: `${this.#listed()}, page as materialized (
               select sequence, mark from listed where sequence < $4 order by sequence desc limit $5::int4 + 1
             )
             select json_build_array(
               (select count(*) filter (where mark < 2) from listed), (select count(*) filter (where mark < 1) from listed),
               (select json_agg(json_build_array(sequence, mark)) from page))::text as about, null::bytea as data
             union all
             select json_build_array(sequence, id, event, collapse, headers, traceparent,
                                     extract(epoch from appended) * 1000)::text, data
             from ${this.#schema}.inbox_items
             where client = $1 and sequence between (select min(sequence) from page) and (select max(sequence) from page)`,
      values: [client, items, days, before ?? AFTER_ALL, limit],
    });
    const found = new Map<Sequence, Omit<ListedItem, "mark">>();
    let page: PageRow = [0, 0, null];
    for (const { about, data } of rows) {
      if (data === null) {
        page = JSON.parse(about) as PageRow;
        continue;
      }
      const [sequence, id, event, collapse, headers, traceparent, ms] = JSON.parse(about) as ItemRow;
      found.set(sequence, { sequence, id, event, collapse, headers, traceparent, appended: new Date(ms), data });
    }
    const [unread, unseen, marks] = page;
    const shown = (marks ?? []).slice(0, limit).map(([sequence, mark]) => ({ ...found.get(sequence)!, mark }));
    return { items: shown, more: (marks ?? []).length > limit, unread, unseen };
  }

  async counts({ client, items, days }: ListBounds): Promise<Counts> {
    const { rows } = await this.#postgres.pool.query<Counts>({
      name: "inbox-counts",
      text: `${this.#listed()}
             select count(*) filter (where mark < 2)::int4 as unread, count(*) filter (where mark < 1)::int4 as unseen
             from listed`,
      values: [client, items, days],
    });
    return rows[0]!;
  }

  /** Items of the list that still ask for an outcome, among those that are marked. */
  async asking({ client, items, days }: ListBounds, marked: Marked): Promise<AskingItem[]> {
    const [which, value] = "ids" in marked ? ["id = any($4::uuid[])", marked.ids] : ["sequence <= $4", marked.upTo];
    const { rows } = await this.#postgres.pool.query<AskingItem>({
      name: `inbox-asking-${"ids" in marked ? "ids" : "to"}`,
      text: `${this.#listed("and item.outcomes is not null")} select sequence, id, outcomes from listed where ${which}`,
      values: [client, items, days, value],
    });
    return rows;
  }

  /** Of these ids, the items that ask for an outcome and are read. */
  async read({ client, items, days }: ListBounds, ids: readonly string[]): Promise<AskingItem[]> {
    const { rows } = await this.#postgres.pool.query<AskingItem>({
      name: "inbox-read",
      text: `${this.#listed("and item.outcomes is not null and item.id = any($4::uuid[])")}
             select sequence, id, outcomes from listed where mark >= 2`,
      values: [client, items, days, ids],
    });
    return rows;
  }

  /** Kafka has the outcomes of these items. After a crash before this, a further mark appends them again. */
  async answered(client: ClientKey, items: readonly AskingItem[]): Promise<void> {
    if (items.length === 0) return;
    await this.#postgres.pool.query({
      name: "inbox-answered",
      text: `update ${this.#schema}.inbox_items set outcomes = null where client = $1 and sequence = any($2::text[])`,
      values: [client, items.map(({ sequence }) => sequence).sort()],
    });
  }

  /**
   * $1: client, $2: items, $3: days. A publisher's repeat has a row of its own if Redis could not suppress it and its
   * courier did not read the first one. Directors drop it by its id, so the list leaves it out, and it replaces nothing.
   * A mark can be younger than its item only, but the clocks of Kafka and Postgres may differ by a week's end. Marks go
   * through the same window as repeats: a lookup for each item costs more.
   */
  #listed(further = ""): string {
    return `with newest as materialized (
              select sequence, week, id, collapse, retract, expires, outcomes from ${this.#schema}.inbox_items
              where client = $1 and appended > now() - $3::int4 * interval '1 day'
              order by sequence desc limit $2
            ), up_to as materialized (
              select coalesce(max(seen_to), '') as seen, coalesce(max(read_to), '') as read,
                     coalesce(max(archived_to), '') as archived
              from ${this.#schema}.inbox_clients where client = $1
            ), own as (
              select *, max(mark) over same as own_mark, sequence = min(sequence) over same as is_first from (
                select sequence, id, collapse, retract, expires, outcomes, null::int2 as mark from newest
                union all
                select null, id, null, null, null, null, mark from ${this.#schema}.inbox_marks
                where client = $1 and week >= (select min(week) - 1 from newest)
              ) as both_kinds window same as (partition by id)
            ), latest as materialized (
              select *, max(sequence) over (partition by collapse) as latest from own where is_first
            ), marked as materialized (
              select item.sequence, item.id, item.outcomes, greatest(own_mark,
                case when item.sequence <= up_to.archived then 3 when item.sequence <= up_to.read then 2
                     when item.sequence <= up_to.seen then 1 end,
                0) as mark
              from latest as item cross join up_to
              where not item.retract and (item.expires is null or item.expires > now())
              and (item.collapse is null or item.sequence = item.latest) ${further}
            ), listed as materialized (select * from marked where mark < 3)`;
  }
}

/** Behind every sequence. */
const AFTER_ALL = "g";
