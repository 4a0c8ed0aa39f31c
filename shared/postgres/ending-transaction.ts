import { setTimeout as sleep } from "node:timers/promises";
import { Failure } from "#runtime/errors.ts";
import { withTimeout } from "#runtime/timeout.ts";
import type { EndedNotification } from "#protocol/outcome.ts";
import type { Postgres, PostgresSession } from "./client.ts";
import { inTransaction } from "./transaction.ts";

/** A transaction has locks. Without an answer from Kafka in this time it ends, and is tried again later. */
const APPEND_MS = 5_000;
/** Postgres ends one of two transactions that wait for each other. */
const DEADLOCK = "40P01";
const DEADLOCK_TRIES = 3;

/** Resolves when Kafka has all these outcomes. */
export type AppendOutcomes = (ended: readonly EndedNotification[]) => Promise<unknown>;

/** Delete, append, commit: commits when Kafka has the outcomes of the rows that `work` deleted. */
export async function endingTransaction(
  postgres: Postgres,
  append: AppendOutcomes,
  work: (session: PostgresSession) => Promise<EndedNotification[]>,
): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await inTransaction(postgres.pool, async (session) => {
        const ended = await work(session);
        if (ended.length > 0) await inTime(append(ended));
      });
      return;
    } catch (error) {
      if ((error as { code?: string }).code !== DEADLOCK || tries === DEADLOCK_TRIES) throw error;
    }
    await sleep(10 * tries);
  }
}

async function inTime(appended: Promise<unknown>): Promise<void> {
  if (
    (await withTimeout(
      APPEND_MS,
      appended.then(() => true),
    )) !== true
  )
    throw new Failure("retry", "Kafka did not take the outcomes of deleted notifications in time.");
}
