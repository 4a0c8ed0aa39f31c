import type { PublicationHead, Target } from "@saasaparilla/shared/protocol/publication.ts";

/** The head as it is kept: with the targets that it has been resolved to. */
export interface StoredHead extends PublicationHead {
  targets: readonly Target[];
}

export interface NewPublication {
  head: StoredHead;
  payload: Buffer | undefined;
  key: string;
  state: "waiting" | "running" | "done" | "skipped";
  /** ms since 1970. */
  due: number;
  written?: number;
  refused?: number;
  schedule?: string;
  /** ms since 1970. */
  occurrence?: number;
  reason?: string;
  /** The slices of a running publication. */
  slices?: readonly NewSlice[];
}

export interface NewSlice {
  /** -1 for all of it, or a partition of `members`. */
  slice: number;
  /** Decides its owner. */
  hash: number;
  /** About how many recipients it has. */
  expected: number;
}

/** The statement, for a transaction that inserts publications beside other changes, too. Their order gives their places. */
export function insertOf(schema: string, publications: readonly NewPublication[]): { text: string; values: unknown[] } {
  const slices = publications.flatMap(({ head, slices = [] }) => slices.map((slice) => ({ ...slice, head })));
  const columns = <T>(of: (publication: NewPublication) => T): T[] => publications.map(of);
  return {
    text: `with new as (
             insert into ${schema}.publications (id, tenant, key, state, due, written, refused, schedule, occurrence,
               reason, head, body, ended)
             select id, tenant, key, state, to_timestamp(due), written, refused, schedule, to_timestamp(occurrence),
               reason, head, body, case when state in ('done', 'skipped') then now() end
             from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::float8[], $6::int8[], $7::int8[],
               $8::text[], $9::float8[], $10::text[], $11::json[], $12::bytea[]) with ordinality
               as given(id, tenant, key, state, due, written, refused, schedule, occurrence, reason, head, body, number)
             order by number on conflict do nothing returning id, tenant
           ) insert into ${schema}.publication_slices (id, tenant, slice, hash, expected)
           select given.id, given.tenant, given.slice, given.hash, given.expected
           from unnest($13::uuid[], $14::text[], $15::int2[], $16::int4[], $17::int8[])
             as given(id, tenant, slice, hash, expected)
           join new on new.id = given.id and new.tenant = given.tenant`,
    values: [
      columns(({ head }) => head.id),
      columns(({ head }) => head.tenant),
      columns(({ key }) => key),
      columns(({ state }) => state),
      columns(({ due }) => due / 1_000),
      columns(({ written }) => written ?? 0),
      columns(({ refused }) => refused ?? 0),
      columns(({ schedule }) => schedule ?? null),
      columns(({ occurrence }) => (occurrence === undefined ? null : occurrence / 1_000)),
      columns(({ reason }) => reason ?? null),
      columns(({ head }) => JSON.stringify(head)),
      columns(({ payload }) => payload ?? null),
      slices.map(({ head }) => head.id),
      slices.map(({ head }) => head.tenant),
      slices.map(({ slice }) => slice),
      slices.map(({ hash }) => hash),
      slices.map(({ expected }) => expected),
    ],
  };
}
