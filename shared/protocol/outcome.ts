import { isQueueKey, queueKey, queueOf, tenantOf, type ClientKey } from "./notification.ts";
import type { NewNotification } from "./pack-writer.ts";
import { recipientId } from "./publication.ts";

/** How a notification ended. The first outcome with an id counts: a takeover and a redrive can repeat it. */
export const OUTCOMES = ["acknowledged", "expired", "replaced", "retracted", "dead", "read"] as const;
export type Outcome = (typeof OUTCOMES)[number];

export interface EndedNotification {
  key: ClientKey;
  id: string;
  /** The name of the queue that gets the outcome. */
  outcomes: string;
  outcome: Outcome;
}

/** The event of an outcome in its queue. */
export const OUTCOME_EVENT = "outcome";

/**
 * The message that reports an outcome. It asks for no outcome itself. Its id is the same in each repeat. The client is
 * part of the id, because two clients can have notifications with one id. `read` comes in addition to another outcome, so
 * it has an id of its own.
 */
export function outcomeMessage({ key, id, outcomes, outcome }: EndedNotification, at: Date): NewNotification {
  const tenant = tenantOf(key);
  const recipient = isQueueKey(key) ? { queue: queueOf(key) } : { client: key.slice(tenant.length + 1) };
  return {
    key: queueKey(tenant, outcomes),
    id: recipientId(id, outcome === "read" ? `outcome ${key} read` : `outcome ${key}`),
    event: OUTCOME_EVENT,
    payload: Buffer.from(JSON.stringify({ id, ...recipient, outcome, at: at.toISOString() })),
  };
}
