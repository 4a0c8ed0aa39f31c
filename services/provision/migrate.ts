import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Failure } from "@saasaparilla/shared/runtime/errors.ts";
import { createIndexes } from "./concurrent-indexes.ts";
import { inTransaction, type Session } from "./session.ts";

const FOLDER = join(import.meta.dirname, "migrations");
/** The first words of a file of indexes on large tables: concurrent-indexes.ts. */
const WITHOUT_TRANSACTION = "-- without transaction";
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
    // Its statements can be repeated, so a run that is interrupted here repeats them.
    if (statements.startsWith(WITHOUT_TRANSACTION)) await createIndexes(session, statements);
    await inTransaction(session, async () => {
      if (!statements.startsWith(WITHOUT_TRANSACTION)) await session.query(statements);
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
        `The migration ${name} must have the number ${index + 1}. Number migrations without gaps, as in 0001-what-it-does.sql.`,
      );
    return { number, name };
  });
}
