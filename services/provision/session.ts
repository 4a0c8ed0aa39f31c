/** The Postgres session that this needs: one, so that its lock and its search path hold. */
export interface Session {
  query<Row = unknown>(text: string, values?: unknown[]): Promise<{ rows: Row[] }>;
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
