import { messageOf } from "@saasaparilla/shared/runtime/errors.ts";
import type { Log } from "@saasaparilla/shared/runtime/log.ts";
import type { DispatcherMetrics } from "#metrics.ts";
import { SWEPT_ROWS, type PublicationStore } from "./publication-store.ts";

/** Statements in one sweep. One statement for each interval would fall behind more than 100 publications a second. */
const MOST_STATEMENTS = 20;

/** Deletes publications that ended some days ago. Marks tenants with as many waiting publications as they may have. */
export async function sweep(
  publications: Pick<PublicationStore, "sweep">,
  markFull: () => Promise<unknown>,
  metrics: Pick<DispatcherMetrics, "failed">,
  log: Log,
): Promise<void> {
  try {
    for (let statements = 1; (await publications.sweep()) === SWEPT_ROWS && statements < MOST_STATEMENTS;)
      statements += 1;
    await markFull();
  } catch (error) {
    metrics.failed("postgres");
    log.warn({ err: error }, `ended publications stay and will be swept later: ${messageOf(error)}`);
  }
}
