import { rowSchemas, type PolicyRow, type RowKind, type RowOf } from "./schema.ts";
import { Failure } from "#runtime/errors.ts";
import type { Postgres } from "#postgres/client.ts";

/** `changes`: change only a row that still exists. */
export type Change = {
  [K in RowKind]: { kind: K; tenant: string; id: string; value: RowOf<K> | null; changes?: true };
}[RowKind];

export type StoredRow = PolicyRow & { at: Date };

/** Rows that one statement returns. */
const PAGE_ROWS = 10_000;
/** Limit for each kind in one tenant. A write over the limit is refused with an error. */
const MOST: Record<RowKind, number> = { tenant: 1, key: 1_000, issuer: 20, grant: 1_000, revocation: 10_000 };
/** Limit for all grants of a tenant, of subjects and of clients: each check may have to look at all of them. */
const MOST_PATTERNS = 2_000;
/** A reader that last asked longer ago reads everything, because deleted rows are purged by then. */
export const MEMORY_MS = 24 * 60 * 60 * 1_000;

/** The tables `access` and `access_version` of one platform. */
export class PolicyStore {
  readonly #pool: Postgres["pool"];
  readonly #schema: string;

  constructor(postgres: Pick<Postgres, "pool">, namespace: string) {
    this.#pool = postgres.pool;
    this.#schema = `"${namespace}"`;
  }

  async version(): Promise<number> {
    const { rows } = await this.#pool
      .query<{ version: string }>(`select version from ${this.#schema}.access_version`)
      .catch((error: unknown) => {
        throw missing(error) ?? error;
      });
    if (!rows[0]) throw new Failure("fatal", `${this.#schema}.access_version is empty: run the provision service.`);
    return Number(rows[0].version);
  }

  /** Changes after a version. It includes changes during the read, whose rows would otherwise be missing. */
  async changes(after: number): Promise<PolicyRow[]> {
    const found: PolicyRow[] = [];
    for (let from = after; ;) {
      const { rows } = await this.#pool.query<PolicyRow & { changed: string }>(
        `select kind, tenant, id, value, changed from ${this.#schema}.access
         where changed > $1 order by changed limit ${PAGE_ROWS}`,
        [from],
      );
      found.push(...rows);
      if (rows.length < PAGE_ROWS) return found;
      from = Number(rows.at(-1)!.changed);
    }
  }

  /** The rows of one kind: in one tenant, or in all. `after`: the last id of the previous page (of all: a tenant). */
  async list(
    kind: RowKind,
    tenant?: string,
    { after, limit = 1_000 }: { after?: string | undefined; limit?: number } = {},
  ): Promise<StoredRow[]> {
    const { rows } = await this.#pool.query<StoredRow>(
      `select kind, tenant, id, value, at from ${this.#schema}.access
       where kind = $1 and value is not null and ($2::text is null or tenant = $2)
         and ($3::text is null or case when $2::text is null then tenant else id end > $3)
       order by tenant, id limit $4`,
      [kind, tenant ?? null, after ?? null, limit],
    );
    return rows;
  }

  async find<K extends RowKind>(kind: K, tenant: string, id: string): Promise<RowOf<K> | undefined> {
    const { rows } = await this.#pool.query<PolicyRow>(
      `select value from ${this.#schema}.access where kind = $1 and tenant = $2 and id = $3 and value is not null`,
      [kind, tenant, id],
    );
    return rows[0] && (rowSchemas[kind].parse(rows[0].value) as RowOf<K>);
  }

  /**
   * Writes all changes or none, one writer at a time, in the order of the versions. Returns the value that each row had
   * before, or null. Throws a `reject` if a bound or a name prevents it.
   */
  async write(...changes: Change[]): Promise<unknown[]> {
    const before: unknown[] = [];
    const session = await this.#pool.connect();
    let broken: Error | undefined;
    try {
      await session.query("begin");
      try {
        await session.query(`update ${this.#schema}.access_version set version = version + $1`, [changes.length]);
        for (const [index, { kind, tenant, id, value, changes: onlyIfThere }] of changes.entries()) {
          const { rows } = await session.query<{ value: unknown }>(
            `select value from ${this.#schema}.access where kind = $1 and tenant = $2 and id = $3`,
            [kind, tenant, id],
          );
          before.push(rows[0]?.value ?? null);
          const { rowCount } = await session.query(
            `insert into ${this.#schema}.access (kind, tenant, id, value, changed)
             values ($1, $2, $3, $4, (select version from ${this.#schema}.access_version) - $5)
             on conflict (kind, tenant, id) do update set value = excluded.value, changed = excluded.changed, at = now()
             where access.value is not null or not $6`,
            [
              kind,
              tenant,
              id,
              value === null ? null : JSON.stringify(rowSchemas[kind].parse(value)),
              index,
              onlyIfThere ?? false,
            ],
          );
          if (rowCount === 0)
            throw new Failure("reject", `This ${kind} was deleted in the meantime. Nothing was changed.`);
        }
        for (const { kind, tenant } of changes) await this.#bound(session, kind, tenant);
        await session.query(
          `delete from ${this.#schema}.access where value is null and at < now() - interval '${2 * MEMORY_MS} ms'`,
        );
        await session.query("commit");
        return before;
      } catch (error) {
        await session.query("rollback");
        throw taken(error) ?? error;
      }
    } catch (error) {
      broken = error as Error;
      throw error;
    } finally {
      session.release(broken instanceof Failure ? undefined : broken);
    }
  }

  async #bound(session: { query: Postgres["pool"]["query"] }, kind: RowKind, tenant: string): Promise<void> {
    const { rows } = await session.query<{ count: number }>(
      `select count(*)::int as count from ${this.#schema}.access where kind = $1 and tenant = $2 and value is not null`,
      [kind, tenant],
    );
    if (rows[0]!.count > MOST[kind])
      throw new Failure("reject", `A tenant can have at most ${MOST[kind]} of these (${kind}). Delete some first.`);
    if (kind === "grant") await this.#boundPatterns(session, tenant);
  }

  async #boundPatterns(session: { query: Postgres["pool"]["query"] }, tenant: string): Promise<void> {
    const { rows } = await session.query<{ count: number }>(
      `select coalesce(sum(jsonb_array_length(value->'subjects') + jsonb_array_length(value->'clients')), 0)::int as count
       from ${this.#schema}.access where kind = 'grant' and tenant = $1 and value is not null`,
      [tenant],
    );
    if (rows[0]!.count > MOST_PATTERNS)
      throw new Failure(
        "reject",
        `All grants of a tenant together can name at most ${MOST_PATTERNS} subjects and clients. Name fewer, or use patterns that end with *.`,
      );
  }
}

/** SQLSTATE of a missing table or schema. */
function missing(error: unknown): Failure | undefined {
  const { code = "" } = error as { code?: string };
  return code === "42P01" || code === "3F000"
    ? new Failure("retry", "The table of policies does not exist yet: run the provision service.", {
        cause: error,
      })
    : undefined;
}

/** SQLSTATE 23505 on the index of issuers, or class 22 for values that Postgres cannot store. */
function taken(error: unknown): Failure | undefined {
  const { code, constraint } = error as { code?: string; constraint?: string };
  if (code === "22P05" || code === "22P02")
    return new Failure("reject", "A text contains a NUL or half of a surrogate pair, and cannot be stored.", {
      cause: error,
    });
  return code === "23505" && constraint === "access_issuers"
    ? new Failure("reject", "Another entry already has this issuer. An issuer can belong to only one tenant.", {
        cause: error,
      })
    : undefined;
}
