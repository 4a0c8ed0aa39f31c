import { messageOf } from "@saasaparilla/shared/runtime/errors.ts";
import type { Log } from "@saasaparilla/shared/runtime/log.ts";
import { isQueueKey } from "@saasaparilla/shared/protocol/notification.ts";
import type { Events } from "@saasaparilla/shared/timeline/event-log.ts";
import { notificationBody } from "@saasaparilla/shared/protocol/pack.ts";
import type { StoredEnds } from "@saasaparilla/shared/postgres/stored-ends.ts";
import type { StoredNotifications } from "@saasaparilla/shared/postgres/stored-notifications.ts";
import type { DirectorMetrics } from "#metrics.ts";

const ROWS_AT_ONCE = 1_000;

/**
 * Deletes expired rows from Postgres; counts and logs each. Several directors share the work (skip locked). Returns
 * false if Postgres is away.
 */
export async function sweepExpired(
  stored: Pick<StoredNotifications, "sweep">,
  ends: Pick<StoredEnds, "sweep">,
  { events, metrics, log }: { events: Events; metrics: DirectorMetrics; log: Log },
): Promise<boolean> {
  try {
    for (const table of [stored, ends]) {
      for (let rows = ROWS_AT_ONCE; rows === ROWS_AT_ONCE;) {
        const expired = await table.sweep(ROWS_AT_ONCE);
        rows = expired.length;
        metrics.swept(rows);
        for (const { client, body } of expired) {
          const id = notificationBody.id(body);
          events.record("expired", client, id, { where: isQueueKey(client) ? "queue" : "stored" });
          log.info({ client, notification: id }, "expired before its client came");
        }
      }
    }
    return true;
  } catch (error) {
    metrics.failed("postgres");
    log.warn({ err: error }, `the sweep of expired notifications failed and will be retried: ${messageOf(error)}`);
    return false;
  }
}
