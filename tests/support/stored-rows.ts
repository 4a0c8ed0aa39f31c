import pg from "pg";
import { expect } from "vitest";
import type { Stack } from "./stack.ts";

/** Reads the platform's internal state, for tests. */

/** Waits until this number of notifications of these clients is in Postgres. */
export async function storedFor(stack: Stack, clients: string[], count: number): Promise<void> {
  const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL!, max: 1 });
  const text = `select count(*)::int as rows from "${stack.namespace}".stored_notifications where client = any($1)`;
  const keys = clients.map((client) => `acme/${client}`);
  try {
    const stored = async () => (await pool.query<{ rows: number }>(text, [keys])).rows[0]!.rows;
    await expect.poll(stored, { interval: 100 }).toBe(count);
  } finally {
    await pool.end();
  }
}
