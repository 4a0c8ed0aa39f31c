import type { Postgres } from "@saasaparilla/shared/postgres/client.ts";
import type { EventRow, GapRow } from "./rows.ts";

/** The rows of the timeline. A record that is read again has the same rows, and changes nothing. */
export class RowStore {
  readonly #postgres: Pick<Postgres, "pool">;
  readonly #schema: string;

  constructor(postgres: Pick<Postgres, "pool">, namespace: string) {
    this.#postgres = postgres;
    this.#schema = `"${namespace}"`;
  }

  /** Returns the number of rows that were not there before. */
  async insert(rows: readonly EventRow[]): Promise<number> {
    if (rows.length === 0) return 0;
    const { rowCount } = await this.#postgres.pool.query({
      name: "timeline-insert",
      text: `insert into ${this.#schema}.timeline (tenant, client, id, at, service, instance, kind, detail, day,
               partition, record_offset, item)
             select tenant, client, id, to_timestamp(at / 1000.0), service, instance, kind, detail::jsonb, day,
               partition, record_offset, item
             from unnest($1::text[], $2::text[], $3::uuid[], $4::float8[], $5::text[], $6::text[], $7::text[],
                         $8::text[], $9::int4[], $10::int4[], $11::int8[], $12::int4[])
               as given(tenant, client, id, at, service, instance, kind, detail, day, partition, record_offset, item)
             on conflict do nothing`,
      values: [
        rows.map(({ tenant }) => tenant),
        rows.map(({ client }) => client),
        rows.map(({ id }) => id),
        rows.map(({ at }) => at),
        rows.map(({ service }) => service),
        rows.map(({ instance }) => instance),
        rows.map(({ kind }) => kind),
        rows.map(({ detail }) => detail),
        ...placesOf(rows),
      ],
    });
    return rowCount ?? 0;
  }

  async insertGaps(gaps: readonly GapRow[]): Promise<void> {
    if (gaps.length === 0) return;
    await this.#postgres.pool.query({
      name: "timeline-gaps-insert",
      text: `insert into ${this.#schema}.timeline_gaps (service, instance, began, ended, count, day, partition,
               record_offset, item)
             select service, instance, to_timestamp(began / 1000.0), to_timestamp(ended / 1000.0), count, day, partition,
               record_offset, item
             from unnest($1::text[], $2::text[], $3::float8[], $4::float8[], $5::int8[], $6::int4[], $7::int4[],
                         $8::int8[], $9::int4[])
               as given(service, instance, began, ended, count, day, partition, record_offset, item)
             on conflict do nothing`,
      values: [
        gaps.map(({ service }) => service),
        gaps.map(({ instance }) => instance),
        gaps.map(({ began }) => began),
        gaps.map(({ ended }) => ended),
        gaps.map(({ count }) => count),
        ...placesOf(gaps),
      ],
    });
  }

  /** The last record of the partition that is in the timeline, and its time in ms since 1970. */
  async last(partition: number): Promise<{ offset: number; at: number } | undefined> {
    const { rows } = await this.#postgres.pool.query<{ offset: number; at: number }>({
      name: "timeline-last",
      text: `select record_offset::float8 as offset, (extract(epoch from at) * 1000)::float8 as at from (
               (select day, record_offset, at from ${this.#schema}.timeline
                where partition = $1 order by day desc, record_offset desc limit 1)
               union all
               (select day, record_offset, ended from ${this.#schema}.timeline_gaps
                where partition = $1 order by day desc, record_offset desc limit 1)
             ) as newest order by day desc, record_offset desc limit 1`,
      values: [partition],
    });
    return rows[0];
  }
}

function placesOf(rows: readonly { day: number; partition: number; offset: number; item: number }[]): number[][] {
  return [
    rows.map(({ day }) => day),
    rows.map(({ partition }) => partition),
    rows.map(({ offset }) => offset),
    rows.map(({ item }) => item),
  ];
}
