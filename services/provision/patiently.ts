import { Failure } from "@saasaparilla/shared/runtime/errors.ts";
import type { BackoffRange } from "@saasaparilla/shared/runtime/backoff.ts";
import type { Log } from "@saasaparilla/shared/runtime/log.ts";

const LOCK_NOT_AVAILABLE = "55P03";
/** Half a second for each lock, and these pauses: about a minute. */
const MOST_TRIES = 30;
const PAUSE_MS: BackoffRange = [200, 2_000];

export interface Patience {
  table: string;
  log: Pick<Log, "warn">;
  pause: (tries: number, range: BackoffRange) => Promise<void>;
}

/** Services use the tables of periods all the time, so their lock can be taken at the first try. */
export async function patiently(make: () => Promise<unknown>, { table, log, pause }: Patience): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    try {
      await make();
      return;
    } catch (error) {
      if ((error as { code?: string }).code !== LOCK_NOT_AVAILABLE) throw error;
      if (tries + 1 === MOST_TRIES)
        throw new Failure(
          "retry",
          `The tables of ${table} were locked at ${MOST_TRIES} tries. Look for long transactions in pg_stat_activity, then run provision again.`,
          { cause: error },
        );
      if (tries === 0) log.warn({ table }, "the tables are in use, so provision waits for their lock");
      await pause(tries, PAUSE_MS);
    }
  }
}
