import type { Postgres, PostgresSession } from "./client.ts";

/**
 * Commits what `work` does, or nothing of it. After a failure the connection is closed: that rolls back, whatever state
 * it is in.
 */
export async function inTransaction<T>(
  pool: Postgres["pool"],
  work: (session: PostgresSession) => Promise<T>,
): Promise<T> {
  const session = await pool.connect();
  let failed = true;
  try {
    await session.query("begin");
    const result = await work(session);
    await session.query("commit");
    failed = false;
    return result;
  } finally {
    session.release(failed);
  }
}
