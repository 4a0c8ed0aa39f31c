import type { Postgres } from "@saasaparilla/shared/postgres/client.ts";
import { inTransaction } from "@saasaparilla/shared/postgres/transaction.ts";
import { insertOf, type NewPublication, type NewSlice, type StoredHead } from "#publications/publication-insert.ts";
import type { Timer } from "./occurrences.ts";

/** A row of `publications` whose time has come. */
export interface DuePublication {
  id: string;
  tenant: string;
  key: string;
  head: StoredHead;
}

/** A schedule whose occurrence has come, with its document. */
export interface DueSchedule {
  tenant: string;
  name: string;
  timer: Timer;
  /** As in shared/dispatch/documents.ts, without `data`. */
  schedule: unknown;
  /** The JSON text of its data. Postgres keeps each digit of a number. */
  data: string;
}

export interface Started {
  publication: DuePublication;
  state: "running" | "skipped";
  head: StoredHead;
  reason?: string;
  slices: readonly NewSlice[];
}

export interface FiredSchedule {
  tenant: string;
  name: string;
  /** Undefined: it never fires again. */
  timer: Timer | undefined;
  publications: readonly NewPublication[];
}

/** Rows that one transaction begins. */
export const MOST_DUE = 100;

/**
 * What is due, by Postgres' clock only. One transaction takes due rows, begins their publications and sets the next
 * occurrences. So a crash leaves each row due, or its publication running.
 */
export class TimerStore {
  readonly #postgres: Postgres;
  readonly #schema: string;

  constructor(postgres: Postgres, namespace: string) {
    this.#postgres = postgres;
    this.#schema = `"${namespace}"`;
  }

  /** Whether anything is due. One statement: most of the time nothing is. */
  async due(): Promise<{ publications: boolean; schedules: boolean }> {
    const { rows } = await this.#postgres.pool.query<{ publications: boolean; schedules: boolean }>({
      name: "timers-due",
      text: `select exists (select from ${this.#schema}.publications where state = 'waiting' and due <= now()) as publications,
                    exists (select from ${this.#schema}.schedule_timers where occurrence <= now()) as schedules`,
    });
    return rows[0]!;
  }

  /** Begins delayed publications. Returns their number: at MOST_DUE there may be more. */
  async startDue(start: (due: DuePublication[]) => Promise<Started[]>): Promise<number> {
    return inTransaction(this.#postgres.pool, async (session) => {
      const { rows } = await session.query<DuePublication>(
        `select id, tenant, key, head from ${this.#schema}.publications
         where state = 'waiting' and due <= now() order by due limit ${MOST_DUE} for update skip locked`,
        [],
      );
      if (rows.length === 0) return 0;
      const started = await start(rows);
      const slices = started.flatMap(({ publication, slices }) => slices.map((slice) => ({ ...slice, publication })));
      await session.query(
        `with started as (
           update ${this.#schema}.publications as publication
           set state = given.state, head = given.head, reason = given.reason,
               place = nextval('${this.#schema}.publication_places'),
               ended = case given.state when 'skipped' then now() end,
               body = case given.state when 'skipped' then null else body end
           from unnest($1::uuid[], $2::text[], $3::text[], $4::json[], $5::text[])
             as given(id, tenant, state, head, reason)
           where publication.id = given.id and publication.tenant = given.tenant
         ) insert into ${this.#schema}.publication_slices (id, tenant, slice, hash, expected)
         select * from unnest($6::uuid[], $7::text[], $8::int2[], $9::int4[], $10::int8[]) on conflict do nothing`,
        [
          started.map(({ publication }) => publication.id),
          started.map(({ publication }) => publication.tenant),
          started.map(({ state }) => state),
          started.map(({ head }) => JSON.stringify(head)),
          started.map(({ reason }) => reason ?? null),
          slices.map(({ publication }) => publication.id),
          slices.map(({ publication }) => publication.tenant),
          slices.map(({ slice }) => slice),
          slices.map(({ hash }) => hash),
          slices.map(({ expected }) => expected),
        ],
      );
      return rows.length;
    });
  }

  /** Fires schedules. `now` is Postgres' time, in ms since 1970. */
  async fireDue(fire: (due: DueSchedule[], now: number) => Promise<FiredSchedule[]>): Promise<number> {
    return inTransaction(this.#postgres.pool, async (session) => {
      const { rows } = await session.query<DueScheduleRow>(
        `select timer.tenant, timer.name, (extract(epoch from timer.occurrence) * 1000)::float8 as occurrence,
                timer.missed, document.value - 'data' as schedule, (document.value -> 'data')::text as data,
                (extract(epoch from now()) * 1000)::float8 as now
         from ${this.#schema}.schedule_timers as timer
         join ${this.#schema}.documents as document on document.kind = 'schedule' and document.tenant = timer.tenant
           and document.id = timer.name and document.changed = timer.version and document.value is not null
         where timer.occurrence <= now() order by timer.occurrence limit ${MOST_DUE} for update of timer skip locked`,
        [],
      );
      if (rows.length === 0) return 0;
      const due = rows.map(({ tenant, name, occurrence, missed, schedule, data }) => ({
        tenant,
        name,
        schedule,
        data: data ?? "null",
        timer: { occurrence, missed },
      }));
      const fired = await fire(due, rows[0]!.now);
      const publications = fired.flatMap((one) => one.publications);
      if (publications.length > 0) {
        const { text, values } = insertOf(this.#schema, publications);
        await session.query(text, values);
      }
      await session.query(
        `with over as (
           delete from ${this.#schema}.schedule_timers as timer
           using unnest($1::text[], $2::text[], $3::float8[]) as given(tenant, name, occurrence)
           where timer.tenant = given.tenant and timer.name = given.name and given.occurrence is null
         ) update ${this.#schema}.schedule_timers as timer
         set occurrence = to_timestamp(given.occurrence / 1000.0), missed = given.missed
         from unnest($1::text[], $2::text[], $3::float8[], $4::int4[]) as given(tenant, name, occurrence, missed)
         where timer.tenant = given.tenant and timer.name = given.name and given.occurrence is not null`,
        [
          fired.map(({ tenant }) => tenant),
          fired.map(({ name }) => name),
          fired.map(({ timer }) => timer?.occurrence ?? null),
          fired.map(({ timer }) => timer?.missed ?? 0),
        ],
      );
      return rows.length;
    });
  }

  /** Schedules whose document has no timer of its version, and timers without a document that is active. */
  async unset(): Promise<{ tenant: string; name: string; version: string; schedule: unknown; now: number }[]> {
    const { rows } = await this.#postgres.pool.query<{
      tenant: string;
      name: string;
      version: string;
      schedule: unknown;
      now: number;
    }>({
      name: "schedules-unset",
      text: `select document.tenant, document.id as name, document.changed::text as version, document.value as schedule,
                    (extract(epoch from now()) * 1000)::float8 as now
             from ${this.#schema}.documents as document
             left join ${this.#schema}.schedule_timers as timer on timer.tenant = document.tenant
               and timer.name = document.id and timer.version = document.changed
             where document.kind = 'schedule' and document.value is not null
               and not coalesce((document.value ->> 'paused')::boolean, false) and timer.name is null limit 1000`,
    });
    return rows;
  }

  /** Sets the first occurrence of a document's version. The timer of another version is replaced. */
  async set(timers: readonly { tenant: string; name: string; version: string; occurrence: number }[]): Promise<void> {
    if (timers.length === 0) return;
    await this.#postgres.pool.query({
      name: "schedule-timers-set",
      text: `insert into ${this.#schema}.schedule_timers as timer (tenant, name, version, occurrence)
             select tenant, name, version, to_timestamp(occurrence / 1000.0)
             from unnest($1::text[], $2::text[], $3::int8[], $4::float8[]) as given(tenant, name, version, occurrence)
             on conflict (tenant, name) do update set version = excluded.version, occurrence = excluded.occurrence,
               missed = 0 where timer.version < excluded.version`,
      values: [
        timers.map(({ tenant }) => tenant),
        timers.map(({ name }) => name),
        timers.map(({ version }) => version),
        timers.map(({ occurrence }) => occurrence),
      ],
    });
  }

  /** Removes timers of schedules that are paused or gone. */
  async clear(): Promise<void> {
    await this.#postgres.pool.query({
      name: "schedule-timers-clear",
      text: `delete from ${this.#schema}.schedule_timers as timer where not exists (
               select from ${this.#schema}.documents as document where document.kind = 'schedule'
               and document.tenant = timer.tenant and document.id = timer.name and document.value is not null
               and not coalesce((document.value ->> 'paused')::boolean, false))`,
    });
  }

  /** Seconds that the oldest due row has waited; 0 without one. */
  async lag(): Promise<number> {
    const { rows } = await this.#postgres.pool.query<{ lag: number | null }>({
      name: "timers-lag",
      text: `select greatest(0, extract(epoch from now() - least(
               (select min(due) from ${this.#schema}.publications where state = 'waiting'),
               (select min(occurrence) from ${this.#schema}.schedule_timers))))::float8 as lag`,
    });
    return rows[0]!.lag ?? 0;
  }
}

interface DueScheduleRow {
  tenant: string;
  name: string;
  occurrence: number;
  missed: number;
  schedule: unknown;
  data: string | null;
  now: number;
}
