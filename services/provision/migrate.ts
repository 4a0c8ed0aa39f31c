import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Failure } from "@saasaparilla/shared/runtime/errors.ts";

/** The Postgres session that this needs: one, so that its lock and its search path hold. */
export interface Session {
  query<Row = unknown>(text: string, values?: unknown[]): Promise<{ rows: Row[] }>;
}

const FOLDER = join(import.meta.dirname, "migrations");
const NAME = /^(\d{4})-[a-z0-9-]+\.sql$/;

/** Forward only: a file that has run never changes. A later file changes its result. */
export async function migrate(session: Session, schema: string): Promise<string[]> {
  await session.query(`create schema if not exists "${schema}"`);
  await session.query(`set search_path to "${schema}"`);
  await session.query(
    "create table if not exists migrations (number integer primary key, name text not null, applied timestamptz not null default now())",
  );
  const { rows } = await session.query<{ number: number }>("select number from migrations");
  const done = new Set(rows.map(({ number }) => number));
  const applied: string[] = [];
  for (const { number, name } of await migrations()) {
    if (done.has(number)) continue;
    const statements = await readFile(join(FOLDER, name), "utf8");
    await inTransaction(session, async () => {
      await session.query(statements);
      await session.query("insert into migrations (number, name) values ($1, $2)", [number, name]);
    });
    applied.push(name);
  }
  return applied;
}

async function migrations(): Promise<{ number: number; name: string }[]> {
  const names = (await readdir(FOLDER)).sort();
  return names.map((name, index) => {
    const number = Number(NAME.exec(name)?.[1]);
    if (number !== index + 1)
      throw new Failure(
        "fatal",
        `The migration ${name} is not number ${index + 1}: they are numbered without gaps, as 0001-what-it-does.sql.`,
      );
    return { number, name };
  });
}

export async function inTransaction<T>(session: Session, work: () => Promise<T>): Promise<T> {
  await session.query("begin");
  try {
    const result = await work();
    await session.query("commit");
    return result;
  } catch (error) {
    await session.query("rollback");
    throw error;
  }
}
