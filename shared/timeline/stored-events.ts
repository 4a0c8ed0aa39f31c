import type { ClientKey } from "#protocol/notification.ts";
import type { Outcome } from "#protocol/outcome.ts";
import { notificationBody } from "#protocol/pack.ts";
import type { Events } from "./event-log.ts";

/** Records how stored rows end. The sweep of expired rows records its own, which are also those without outcomes. */
export function storedEvents(events: Events): (row: { client: ClientKey; head: Buffer }, outcome: Outcome) => void {
  return ({ client, head }, outcome) => {
    if (outcome === "retracted" || (outcome === "replaced" && notificationBody.followed(head)))
      events.record(outcome, client, notificationBody.id(head), {});
    else if (outcome === "acknowledged" && notificationBody.followed(head))
      events.record("acknowledged", client, notificationBody.id(head), { how: "client", stored: true });
  };
}
