import type { Postgres } from "@saasaparilla/shared/postgres/client.ts";
import type { PublicationState, Slice } from "./publication-store.ts";

/** The most keys of one tenant that one load reads. A tenant with as many slices in memory is left out. */
export const SLICES_OF_TENANT = 128;
/** The most keys that one load reads. */
const KEYS_READ = 256;
/** The most tenants that one load looks at. */
export const TENANTS_READ = 64;

export interface Load {
  slices: Slice[];
  /** Publications whose slices are all done: their dispatcher crashed before it could end them. */
  finished: string[];
  /** There are keys that this load did not read. */
  more: boolean;
}

/**
 * Finds open slices of the first running publication of each key. A load reads a bounded number of keys, whatever waits
 * behind them. The next load goes on after the last key of each tenant, and after the last tenant.
 */
export class OpenSlices {
  readonly #postgres: Postgres;
  readonly #schema: string;
  /** The last key that was read of each tenant with more keys. */
  #keys = new Map<string, string>();
  /** The last tenant that was looked at, if there are more. */
  #tenant = "";

  constructor(postgres: Postgres, namespace: string) {
    this.#postgres = postgres;
    this.#schema = `"${namespace}"`;
  }

  /** Open slices of the owned partitions of dispatch; `among` is their number. `full`: tenants to leave out. */
  async next(owned: readonly number[], among: number, full: readonly string[]): Promise<Load> {
    const began = this.#tenant !== "" || this.#keys.size > 0;
    const { rows } = await this.#postgres.pool.query<Row>({
      name: "slices-open",
      text: openText(this.#schema),
      values: [owned, among, full, this.#tenant, [...this.#keys.keys()], [...this.#keys.values()]],
    });
    const tenants = Map.groupBy(rows, ({ tenant }) => tenant);
    for (const [tenant, ofTenant] of tenants) {
      const { key, number, most } = ofTenant.at(-1)!;
      if (full.includes(tenant)) continue;
      if (key !== null && number === most) this.#keys.set(tenant, key);
      else this.#keys.delete(tenant);
    }
    this.#tenant = tenants.size === TENANTS_READ ? rows.at(-1)!.tenant : "";
    return {
      slices: rows.flatMap((row) => (row.slice === null ? [] : [sliceOf(row)])),
      finished: rows.flatMap(({ id, finished }) => (finished ? [id] : [])),
      more: began || this.#tenant !== "" || this.#keys.size > 0,
    };
  }
}

interface Row extends Omit<Slice, "payload" | "cancelling" | "slice" | "key"> {
  state: PublicationState;
  body: Buffer | null;
  /** Null: the tenant has no further key. */
  key: string | null;
  /** Null: no open slice is of the owned partitions. */
  slice: number | null;
  /** The number of the key, and the most of its tenant in this load. */
  number: number;
  most: number;
  finished: boolean;
}

function sliceOf({ id, tenant, target, after, begun, expected, written, head, key, slice, state, body }: Row): Slice {
  return {
    id,
    tenant,
    key: key!,
    slice: slice!,
    cancelling: state === "cancelling",
    begun,
    target,
    after,
    head,
    payload: body ?? NOTHING,
    expected,
    written,
  };
}

const NOTHING = Buffer.from("null");

/**
 * Postgres has no loose index scan. A recursive query goes from one key to the next in `publications_of_key`, so its cost
 * follows the number of keys, not of publications. All keys of a tenant begin with its name and a slash. `0` is the
 * character after the slash. `limit` and `offset` keep Postgres from reading whole tables, as it would for a join.
 */
function openText(schema: string): string {
  const first = (columns: string, where: string): string =>
    `select ${columns} from ${schema}.publications
     where state in ('running', 'cancelling') and ${where} order by key, place limit 1`;
  return `
    with recursive tenants as (
      (${first("tenant, 1 as at", "key > $4 || '0'")})
      union all
      select next.tenant, tenants.at + 1 from tenants
      cross join lateral (${first("tenant", "key > tenants.tenant || '0'")}) as next
      where tenants.at < ${TENANTS_READ}
    ), share as (
      select greatest(1, least(${SLICES_OF_TENANT}, ${KEYS_READ} / greatest(1, count(*))))::int as most from tenants
    )
    select tenants.tenant, first.key, first.number, share.most, first.id, slice.slice, slice.target, slice.after,
           slice.begun, slice.expected::float8 as expected, slice.written::float8 as written,
           publication.state, publication.head, publication.body,
           first.id is not null and open.one is null as finished
    from tenants cross join share
    left join unnest($5::text[], $6::text[]) as turn(tenant, key) on turn.tenant = tenants.tenant
    left join lateral (
      with recursive walk as (
        (${first(
          "id, key, 1 as number",
          `tenants.tenant <> all($3::text[])
          and key > coalesce(turn.key, tenants.tenant || '/') and key < tenants.tenant || '0'`,
        )})
        union all
        select next.id, next.key, walk.number + 1 from walk
        cross join lateral (${first("id, key", "key > walk.key and key < tenants.tenant || '0'")}) as next
        where walk.number < share.most
      ) select * from walk
    ) as first on true
    left join lateral (
      select 1 as one from ${schema}.publication_slices as slice
      where slice.id = first.id and slice.tenant = tenants.tenant and not slice.done limit 1
    ) as open on true
    left join lateral (
      select * from ${schema}.publication_slices as mine
      where mine.id = first.id and mine.tenant = tenants.tenant and not mine.done and mine.hash % $2 = any($1::int[])
      offset 0
    ) as slice on true
    left join lateral (
      select state, head, body from ${schema}.publications as found
      where found.id = slice.id and found.tenant = slice.tenant offset 0
    ) as publication on true
    order by tenants.at, first.number, slice.slice`;
}
