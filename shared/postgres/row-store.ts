import type { z } from "zod";
import { Failure } from "#runtime/errors.ts";
import type { Postgres } from "#postgres/client.ts";
import { inTransaction } from "#postgres/transaction.ts";

/** A row of a table. A row without a value was deleted. */
export interface Row {
  kind: string;
  tenant: string;
  id: string;
  value: unknown;
}

export type StoredRow = Row & { at: Date };

type Schemas = Readonly<Record<string, z.ZodType>>;
export type KindOf<S extends Schemas> = keyof S & string;
type ValueOf<S extends Schemas, K extends KindOf<S>> = z.output<S[K]>;

/** `changes`: change only a row that still exists. */
export type RowChange<S extends Schemas> = {
  [K in KindOf<S>]: { kind: K; tenant: string; id: string; value: ValueOf<S, K> | null; changes?: true };
}[KindOf<S>];

export interface Altered<V> {
  before: unknown;
  value: V;
}

export type Session = { query: Postgres["pool"]["query"] };

export interface RowTable<S extends Schemas> {
  /** The name of the table. Its counter is in the table of this name with `_version`. */
  name: string;
  schemas: S;
  /** Limit for each kind in one tenant. A write over the limit is refused with an error. */
  most: Readonly<Record<KindOf<S>, number>>;
  /** Further bounds. Throws a `reject` if a write exceeds one. */
  bound?: (session: Session, table: string, written: { kind: KindOf<S>; tenant: string }) => Promise<void>;
  /** The `reject` for an error of Postgres that the caller can mend. */
  refusal?: (error: unknown) => Failure | undefined;
}

/** Rows that one statement returns. */
const PAGE_ROWS = 10_000;
/** A reader that last asked longer ago reads everything, because deleted rows are purged by then. */
export const MEMORY_MS = 24 * 60 * 60 * 1_000;

/** A table of rows that zod checked, each with a number from the table's counter. */
export class RowStore<S extends Schemas> {
  readonly #pool: Postgres["pool"];
  readonly #table: RowTable<S>;
  /** With its schema. */
  readonly #name: string;

  constructor(postgres: Pick<Postgres, "pool">, namespace: string, table: RowTable<S>) {
    this.#pool = postgres.pool;
    this.#table = table;
    this.#name = `"${namespace}".${table.name}`;
  }

  async version(): Promise<number> {
    const { rows } = await this.#pool
      .query<{ version: string }>(`select version from ${this.#name}_version`)
      .catch((error: unknown) => {
        throw missing(error, this.#table.name) ?? error;
      });
    if (!rows[0]) throw new Failure("fatal", `${this.#name}_version is empty: run the provision service.`);
    return Number(rows[0].version);
  }

  /** Changes after a version. It includes changes during the read, whose rows would otherwise be missing. */
  async changes(after: number): Promise<Row[]> {
    const found: Row[] = [];
    for (let from = after; ;) {
      const { rows } = await this.#pool.query<Row & { changed: string }>(
        `select kind, tenant, id, value, changed from ${this.#name}
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
    kind: KindOf<S>,
    tenant?: string,
    { after, limit = 1_000 }: { after?: string | undefined; limit?: number } = {},
  ): Promise<StoredRow[]> {
    const { rows } = await this.#pool.query<StoredRow>(
      `select kind, tenant, id, value, at from ${this.#name}
       where kind = $1 and value is not null and ($2::text is null or tenant = $2)
         and ($3::text is null or case when $2::text is null then tenant else id end > $3)
       order by tenant, id limit $4`,
      [kind, tenant ?? null, after ?? null, limit],
    );
    return rows;
  }

  async row(kind: KindOf<S>, tenant: string, id: string): Promise<StoredRow | undefined> {
    const { rows } = await this.#pool.query<StoredRow>(
      `select kind, tenant, id, value, at from ${this.#name}
       where kind = $1 and tenant = $2 and id = $3 and value is not null`,
      [kind, tenant, id],
    );
    return rows[0];
  }

  async find<K extends KindOf<S>>(kind: K, tenant: string, id: string): Promise<ValueOf<S, K> | undefined> {
    const row = await this.row(kind, tenant, id);
    return row && (this.#table.schemas[kind]!.parse(row.value) as ValueOf<S, K>);
  }

  /**
   * Writes all changes or none, one writer at a time, in the order of the versions. Returns the value that each row had
   * before, or null. Throws a `reject` if a bound or a name prevents it.
   */
  async write(...changes: RowChange<S>[]): Promise<unknown[]> {
    try {
      return await inTransaction(this.#pool, (session) => this.#writeAll(session, changes));
    } catch (error) {
      throw this.#table.refusal?.(error) ?? unwritable(error) ?? error;
    }
  }

  /** Changes a row by its present value, or throws what `edit` throws. No other write comes between. */
  async alter<K extends KindOf<S>>(
    { kind, tenant, id }: { kind: K; tenant: string; id: string },
    edit: (value: ValueOf<S, K> | undefined) => ValueOf<S, K>,
  ): Promise<Altered<ValueOf<S, K>>> {
    return inTransaction(this.#pool, async (session) => {
      await session.query(`update ${this.#name}_version set version = version + 1`);
      const before = await this.#value(session, { kind, tenant, id });
      const value = edit(before === null ? undefined : (this.#table.schemas[kind]!.parse(before) as ValueOf<S, K>));
      await this.#put(session, { kind, tenant, id, value }, 0);
      await this.#bound(session, kind, tenant);
      return { before, value };
    });
  }

  async #writeAll(session: Session, changes: readonly RowChange<S>[]): Promise<unknown[]> {
    const before: unknown[] = [];
    await session.query(`update ${this.#name}_version set version = version + $1`, [changes.length]);
    for (const [index, change] of changes.entries()) {
      before.push(await this.#value(session, change));
      await this.#put(session, change, index);
    }
    for (const { kind, tenant } of changes) await this.#bound(session, kind, tenant);
    await session.query(
      `delete from ${this.#name} where value is null and at < now() - interval '${2 * MEMORY_MS} ms'`,
    );
    return before;
  }

  async #value(session: Session, { kind, tenant, id }: Pick<Row, "kind" | "tenant" | "id">): Promise<unknown> {
    const { rows } = await session.query<{ value: unknown }>(
      `select value from ${this.#name} where kind = $1 and tenant = $2 and id = $3`,
      [kind, tenant, id],
    );
    return rows[0]?.value ?? null;
  }

  async #put(session: Session, { kind, tenant, id, value, changes }: RowChange<S>, index: number): Promise<void> {
    const text = value === null ? null : JSON.stringify(this.#table.schemas[kind]!.parse(value));
    const { rowCount } = await session.query(
      `insert into ${this.#name} as stored (kind, tenant, id, value, changed)
       values ($1, $2, $3, $4, (select version from ${this.#name}_version) - $5)
       on conflict (kind, tenant, id) do update set value = excluded.value, changed = excluded.changed, at = now()
       where stored.value is not null or not $6`,
      [kind, tenant, id, text, index, changes ?? false],
    );
    if (rowCount === 0) throw new Failure("reject", `This ${kind} was deleted in the meantime. Nothing was changed.`);
  }

  async #bound(session: Session, kind: KindOf<S>, tenant: string): Promise<void> {
    const { rows } = await session.query<{ count: number }>(
      `select count(*)::int as count from ${this.#name} where kind = $1 and tenant = $2 and value is not null`,
      [kind, tenant],
    );
    const most = this.#table.most[kind];
    if (rows[0]!.count > most)
      throw new Failure("reject", `A tenant can have at most ${most} of these (${kind}). Delete some first.`);
    await this.#table.bound?.(session, this.#name, { kind, tenant });
  }
}

/** SQLSTATE of a missing table or schema. */
function missing(error: unknown, table: string): Failure | undefined {
  const { code = "" } = error as { code?: string };
  return code === "42P01" || code === "3F000"
    ? new Failure("retry", `The table ${table} does not exist yet: run the provision service.`, { cause: error })
    : undefined;
}

/** SQLSTATE class 22, for values that Postgres cannot store. */
function unwritable(error: unknown): Failure | undefined {
  const { code } = error as { code?: string };
  return code === "22P05" || code === "22P02"
    ? new Failure("reject", "A text contains a NUL or half of a surrogate pair, and cannot be stored.", {
        cause: error,
      })
    : undefined;
}
