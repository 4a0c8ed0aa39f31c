import { Failure } from "@saasaparilla/shared/runtime/errors.ts";
import { inTransaction, type Session } from "./session.ts";

const STATEMENT = /^create index (\w+) on (\w+) (\(.+)$/;

interface Leaf {
  table: string;
  index: string;
  /** Undefined if there is no such index. */
  valid: boolean | undefined;
  attached: boolean;
}

/**
 * Makes the indexes of a file outside of a transaction. Postgres makes no index of a partitioned table concurrently, so
 * each partition gets its own, which is then attached. A run that was interrupted continues: it drops an index that is
 * not valid, and makes it again.
 */
export async function createIndexes(session: Session, file: string): Promise<void> {
  const statements = file.replaceAll(/^--.*$/gm, "").split(";");
  for (const text of statements.map((statement) => statement.trim().replaceAll(/\s+/g, " "))) {
    if (text === "") continue;
    const [, name, table, rest] = STATEMENT.exec(text) ?? [];
    if (name === undefined)
      throw new Failure(
        "fatal",
        `A migration without a transaction may contain only lines "create index NAME on TABLE (...)". This line is different: ${text}`,
      );
    await createIndex(session, { name, table: table!, rest: rest! });
  }
}

async function createIndex(
  session: Session,
  { name, table, rest }: { name: string; table: string; rest: string },
): Promise<void> {
  if (
    await createdWhileEmpty(session, table, [
      `drop index if exists ${name}`,
      `create index ${name} on ${table} ${rest}`,
    ])
  )
    return;
  await session.query(`create index if not exists ${name} on only ${table} ${rest}`);
  for (const leaf of await leavesOf(session, table, name)) {
    if (leaf.attached) continue;
    if (leaf.valid === false) await session.query(`drop index concurrently ${leaf.index}`);
    if (leaf.valid !== true) await session.query(`create index concurrently ${leaf.index} on ${leaf.table} ${rest}`);
    await session.query(`alter index ${name} attach partition ${leaf.index}`);
  }
}

/** An empty table has no writers to spare, and its index is made at once. */
function createdWhileEmpty(session: Session, table: string, statements: string[]): Promise<boolean> {
  return inTransaction(session, async () => {
    const { rows } = await session.query(`select from ${table} limit 1`);
    for (const statement of rows.length === 0 ? statements : []) await session.query(statement);
    return rows.length === 0;
  });
}

async function leavesOf(session: Session, table: string, name: string): Promise<Leaf[]> {
  const { rows } = await session.query<Leaf>(
    `select leaf.relname as table, leaf.relname || '_' || $2 as index, made.indisvalid as valid,
       exists (select from pg_inherits where inhrelid = made.indexrelid) as attached
     from pg_inherits join pg_class as leaf on leaf.oid = inhrelid
     left join pg_index as made on made.indexrelid = to_regclass(leaf.relname || '_' || $2)
     where inhparent = $1::regclass order by leaf.relname`,
    [table, name],
  );
  return rows;
}
