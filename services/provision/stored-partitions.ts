import { inTransaction, type Session } from "./session.ts";

const TABLE = "stored_notifications";

/**
 * Creates the wanted number of hash partitions of the stored notifications. Returns the present number. It recreates
 * them only while the table is empty, because rows do not move on their own.
 */
export async function partitionStored(session: Session, wanted: number): Promise<number> {
  const present = await partitions(session);
  if (present.length === wanted) return wanted;
  return inTransaction(session, async () => {
    // Directors may be storing. From here on they wait.
    await session.query(`lock table ${TABLE} in access exclusive mode`);
    const { rows } = await session.query(`select from ${TABLE} limit 1`);
    if (rows.length > 0) return present.length;
    await session.query(`drop table ${present.join(", ")}`);
    for (let remainder = 0; remainder < wanted; remainder += 1)
      await session.query(
        `create table ${TABLE}_${remainder} partition of ${TABLE} for values with (modulus ${wanted}, remainder ${remainder})`,
      );
    return wanted;
  });
}

async function partitions(session: Session): Promise<string[]> {
  const { rows } = await session.query<{ name: string }>(
    "select inhrelid::regclass::text as name from pg_inherits where inhparent = $1::regclass",
    [TABLE],
  );
  return rows.map(({ name }) => name);
}
