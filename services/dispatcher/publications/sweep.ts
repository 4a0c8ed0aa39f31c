import { messageOf } from "@saasaparilla/shared/runtime/errors.ts";
import type { Log } from "@saasaparilla/shared/runtime/log.ts";
import type { DispatcherMetrics } from "#metrics.ts";
import type { PublicationStore } from "./publication-store.ts";

/** Deletes publications that ended some days ago. Marks tenants with as many waiting publications as they may have. */
export async function sweep(
  publications: Pick<PublicationStore, "sweep">,
  markFull: () => Promise<unknown>,
  metrics: Pick<DispatcherMetrics, "failed">,
  log: Log,
): Promise<void> {
  try {
    await publications.sweep();
    await markFull();
  } catch (error) {
    metrics.failed("postgres");
    log.warn({ err: error }, `ended publications stay and will be swept later: ${messageOf(error)}`);
  }
}
