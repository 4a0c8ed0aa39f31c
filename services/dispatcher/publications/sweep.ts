import { messageOf } from "@saasaparilla/shared/runtime/errors.ts";
import type { Log } from "@saasaparilla/shared/runtime/log.ts";
import type { DispatcherMetrics } from "#metrics.ts";
import type { PublicationStore } from "./publication-store.ts";

/** Ends publications whose last dispatcher crashed before it could, and deletes those that ended some days ago. */
export async function sweep(
  publications: Pick<PublicationStore, "end" | "sweep">,
  metrics: Pick<DispatcherMetrics, "failed">,
  log: Log,
): Promise<void> {
  try {
    await publications.end();
    await publications.sweep();
  } catch (error) {
    metrics.failed("postgres");
    log.warn({ err: error }, `ended publications stay and will be swept later: ${messageOf(error)}`);
  }
}
