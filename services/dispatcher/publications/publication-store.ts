import type { Postgres, PostgresSession } from "@saasaparilla/shared/postgres/client.ts";
import { inTransaction } from "@saasaparilla/shared/postgres/transaction.ts";
import type { ClientKey } from "@saasaparilla/shared/protocol/notification.ts";
import { insertOf, type NewPublication, type StoredHead } from "./publication-insert.ts";

/** `cancelling`: no page begins, and those that were under way are being counted. */
export type PublicationState = "waiting" | "running" | "cancelling" | "done" | "cancelled" | "skipped";

/** Part of a running publication. */
export interface Slice {
  id: string;
  tenant: string;
  slice: number;
  key: string;
  cancelling: boolean;
  /** A page may have been written that `after` does not show. */
  begun: boolean;
  target: number;
  after: ClientKey;
  head: StoredHead;
  payload: Buffer;
  expected: number;
  written: number;
}

export interface Progress {
  target: number;
  after: ClientKey;
  written: number;
  refused: number;
  done: boolean;
}

/** A step of a slice, from where it was read. */
export interface Move {
  from: Slice;
  to: Progress;
}

export type Moved = "moved" | "cancelling" | "running";

export interface PublicationStatus {
  state: PublicationState;
  written: number;
  refused: number;
  /** ms since 1970. */
  due: number;
  reason: string | null;
  head: StoredHead;
}

const ENDED_DAYS = 7;
export const SWEPT_ROWS = 1_000;

/**
 * Publications that are due later or too large to be written at once. A change of a slice compares and sets: a
 * dispatcher that has lost the slice changes nothing.
 */
export class PublicationStore {
  readonly #postgres: Postgres;
  readonly #schema: string;

  constructor(postgres: Postgres, namespace: string) {
    this.#postgres = postgres;
    this.#schema = `"${namespace}"`;
  }

  /** One statement. A publication that is there already stays as it is: a record of dispatch can be read twice. */
  async insert(publications: readonly NewPublication[]): Promise<void> {
    if (publications.length === 0) return;
    const { text, values } = insertOf(this.#schema, publications);
    await this.#postgres.pool.query({ name: "publications-insert", text, values });
  }

  /** Those of the keys that have a running publication. */
  async busyKeys(keys: readonly string[]): Promise<Set<string>> {
    const { rows } = await this.#postgres.pool.query<{ key: string }>({
      name: "publications-busy",
      // With an order, no plan reads the whole table to find one row of a key that has very many.
      text: `select asked.key from unnest($1::text[]) as asked(key) cross join lateral (
               select from ${this.#schema}.publications as running
               where running.key = asked.key and running.state in ('running', 'cancelling') order by place limit 1
             ) as first`,
      values: [keys],
    });
    return new Set(rows.map(({ key }) => key));
  }

  /** Those of the publications that are being cancelled. */
  async cancelling(ids: readonly string[]): Promise<Set<string>> {
    if (ids.length === 0) return new Set();
    const { rows } = await this.#postgres.pool.query<{ id: string }>({
      name: "publications-cancelling",
      // `offset 0` makes Postgres look up each row by its key, however many rows the plan was made for.
      text: `select asked.id from unnest($1::uuid[]) as asked(id) cross join lateral (
               select state from ${this.#schema}.publications as publication where publication.id = asked.id offset 0
             ) as found where found.state = 'cancelling'`,
      values: [ids],
    });
    return new Set(rows.map(({ id }) => id));
  }

  /** Before the first page of this owner. False if the slice is done, or not where it was read. */
  async begin(slices: readonly Slice[]): Promise<boolean[]> {
    const { rows } = await this.#postgres.pool.query<SliceName>({
      name: "slices-begin",
      text: `update ${this.#schema}.publication_slices as slice set begun = true
             from unnest($1::uuid[], $2::text[], $3::int2[], $4::int2[], $5::text[])
               as asked(id, tenant, slice, target, after)
             where slice.id = asked.id and slice.tenant = asked.tenant and slice.slice = asked.slice
             and slice.target = asked.target and slice.after = asked.after and not slice.done
             returning slice.id, slice.tenant, slice.slice`,
      values: placesOf(slices),
    });
    const begun = new Set(rows.map(nameOf));
    return slices.map((slice) => begun.has(nameOf(slice)));
  }

  /** After pages are in Kafka. `moved` if another dispatcher has moved the slice; otherwise whether to go on. */
  async advance(moves: readonly Move[]): Promise<Moved[]> {
    const { rows } = await this.#postgres.pool.query<SliceName & { state: PublicationState }>({
      name: "slices-advance",
      text: `update ${this.#schema}.publication_slices as slice
             set target = asked.to_target, after = asked.to_after, written = slice.written + asked.written,
                 refused = slice.refused + asked.refused, done = asked.done
             from unnest($1::uuid[], $2::text[], $3::int2[], $4::int2[], $5::text[], $6::int2[], $7::text[],
                 $8::int8[], $9::int8[], $10::boolean[])
               as asked(id, tenant, slice, target, after, to_target, to_after, written, refused, done)
             join ${this.#schema}.publications as publication
               on publication.id = asked.id and publication.tenant = asked.tenant
             where slice.id = asked.id and slice.tenant = asked.tenant and slice.slice = asked.slice
             and slice.target = asked.target and slice.after = asked.after and not slice.done
             returning slice.id, slice.tenant, slice.slice, publication.state`,
      values: [
        ...placesOf(moves.map(({ from }) => from)),
        moves.map(({ to }) => to.target),
        moves.map(({ to }) => to.after),
        moves.map(({ to }) => to.written),
        moves.map(({ to }) => to.refused),
        moves.map(({ to }) => to.done),
      ],
    });
    const states = new Map(rows.map((row) => [nameOf(row), row.state]));
    return moves.map(({ from }) => {
      const state = states.get(nameOf(from));
      if (state === undefined) return "moved";
      return state === "running" ? "running" : "cancelling";
    });
  }

  /** Ends those publications whose slices are all done. */
  end(ids: readonly string[]): Promise<void> {
    return this.#end(this.#postgres.pool, ids);
  }

  async #end(on: Postgres["pool"] | PostgresSession, ids: readonly string[]): Promise<void> {
    await on.query({
      name: "publications-end",
      // `offset 0` makes Postgres look up each publication by its key, however many rows the plan was made for.
      text: `update ${this.#schema}.publications as publication
             set state = case publication.state when 'cancelling' then 'cancelled' else 'done' end,
                 ended = now(), written = total.written, refused = total.refused, body = null
             from unnest($1::uuid[]) as asked(id) cross join lateral (
               select tenant, sum(slice.written) as written, sum(slice.refused) as refused
               from ${this.#schema}.publication_slices as slice where slice.id = asked.id
               group by tenant having bool_and(done) offset 0
             ) as total
             where publication.id = asked.id and publication.tenant = total.tenant
             and publication.state in ('running', 'cancelling')`,
      // Two dispatchers that end the same ones change them in the same order.
      values: [ids.toSorted()],
    });
  }

  async status(tenant: string, id: string): Promise<PublicationStatus | undefined> {
    const { rows } = await this.#postgres.pool.query<Omit<PublicationStatus, "due"> & { due: Date }>({
      name: "publication-status",
      text: `select state, due, reason, head,
               case when ended is null and state <> 'waiting' then (
                 select coalesce(sum(slice.written), 0) from ${this.#schema}.publication_slices as slice
                 where slice.id = publication.id and slice.tenant = publication.tenant) else written end::float8 as written,
               case when ended is null and state <> 'waiting' then (
                 select coalesce(sum(slice.refused), 0) from ${this.#schema}.publication_slices as slice
                 where slice.id = publication.id and slice.tenant = publication.tenant) else refused end::float8 as refused
             from ${this.#schema}.publications as publication where id = $1 and tenant = $2`,
      values: [id, tenant],
    });
    const [row] = rows;
    return row && { ...row, due: row.due.getTime() };
  }

  /**
   * Cancels a waiting publication at once. A running one becomes `cancelling`: its owner counts what was written, and
   * ends it. Slices that no dispatcher has begun end here. In one transaction: after a crash between its statements, the
   * publication would wait for all those before it.
   */
  cancel(tenant: string, id: string): Promise<void> {
    return inTransaction(this.#postgres.pool, (session) => this.#cancel(session, tenant, id));
  }

  async #cancel(session: PostgresSession, tenant: string, id: string): Promise<void> {
    await session.query({
      name: "publication-cancel",
      text: `update ${this.#schema}.publications
             set state = case state when 'waiting' then 'cancelled' else 'cancelling' end,
                 ended = case state when 'waiting' then now() end,
                 body = case state when 'waiting' then null else body end
             where id = $1 and tenant = $2 and state in ('waiting', 'running')`,
      values: [id, tenant],
    });
    // A statement of its own sees the slices of a publication that began while the first one waited for its row.
    await session.query({
      name: "publication-cancel-slices",
      text: `update ${this.#schema}.publication_slices as slice set done = true
             where id = $1 and tenant = $2 and not begun and exists (
               select from ${this.#schema}.publications as publication
               where publication.id = $1 and publication.tenant = $2 and publication.state = 'cancelling')`,
      values: [id, tenant],
    });
    await this.#end(session, [id]);
  }

  /** Deletes what ended some days ago. Returns the number of publications: at SWEPT_ROWS there may be more. */
  async sweep(): Promise<number> {
    const { rows } = await this.#postgres.pool.query<{ gone: number }>({
      name: "publications-sweep",
      text: `with gone as (
               delete from ${this.#schema}.publications as publication using (
                 select id, tenant from ${this.#schema}.publications
                 where ended < now() - interval '${ENDED_DAYS} days' limit ${SWEPT_ROWS}
               ) as old where publication.id = old.id and publication.tenant = old.tenant
               returning publication.id, publication.tenant
             ), slices as (
               delete from ${this.#schema}.publication_slices as slice using gone
               where slice.id = gone.id and slice.tenant = gone.tenant
             ) select count(*)::int as gone from gone`,
    });
    return rows[0]!.gone;
  }
}

type SliceName = Pick<Slice, "id" | "tenant" | "slice">;

export function nameOf({ id, tenant, slice }: SliceName): string {
  return `${tenant}/${id}/${slice}`;
}

function placesOf(slices: readonly Slice[]): unknown[] {
  return [
    slices.map(({ id }) => id),
    slices.map(({ tenant }) => tenant),
    slices.map(({ slice }) => slice),
    slices.map(({ target }) => target),
    slices.map(({ after }) => after),
  ];
}
