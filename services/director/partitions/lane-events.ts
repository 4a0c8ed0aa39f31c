import { connectionOf, type ConnectionId } from "@saasaparilla/shared/protocol/control-messages.ts";
import { isQueueKey, type ClientKey } from "@saasaparilla/shared/protocol/notification.ts";
import { notificationBody } from "@saasaparilla/shared/protocol/pack.ts";
import type { Events } from "@saasaparilla/shared/timeline/event-log.ts";
import type { Details, StoredReason } from "@saasaparilla/shared/timeline/events.ts";
import type { Entry, Lane, LaneEvent, Settled } from "#lanes/lane.ts";

const NOTHING = {};

/** Records what lanes do with followed notifications. Of others, only those that expire or are retracted. */
export class LaneEvents {
  readonly #events: Events;

  constructor(events: Events) {
    this.#events = events;
  }

  /** Call it after the lane took the entry. */
  accepted(lane: Lane, { body }: Entry): void {
    if (!notificationBody.followed(body)) return;
    const why = heldWhy(lane, body);
    if (why !== undefined) this.#events.record("held", lane.key, notificationBody.id(body), { why });
  }

  sent({ key }: Lane, id: ConnectionId, { body }: Entry): void {
    if (!notificationBody.followed(body)) return;
    this.#events.record("sent", key, notificationBody.id(body), { connection: connectionOf(id) });
  }

  /** Call it before the lane loses the connection. */
  lost(lane: Lane, event: Extract<LaneEvent, { type: "refuse" | "close" }>): void {
    const connection = connectionOf(event.id);
    const attachment = lane.attachments.find((one) => connectionOf(one) === connection);
    if (!attachment || (event.type === "refuse" && attachment.phase !== "live")) return;
    const why = event.type === "refuse" ? event.reason : "closed";
    for (let at = 0; at < lane.sent; at += 1) {
      const { body, sequence } = lane.queue[at]!;
      if (sequence > attachment.sent || !notificationBody.followed(body)) continue;
      this.#events.record("retried", lane.key, notificationBody.id(body), { connection, why });
    }
  }

  /** `session`: that of the acknowledgement; 0 without a connection. Entries that were stored are in `kept`. */
  settled({ key, attachments }: Lane, { body }: Entry, how: Settled, session: number): void {
    if (how === "stored") return;
    if (!notificationBody.followed(body) && how !== "expired" && how !== "retracted") return;
    const id = notificationBody.id(body);
    if (how === "acknowledged") {
      const by = attachments.find((one) => one.session === session);
      this.#events.record(how, key, id, acknowledgedBy(session, by));
    } else if (how === "expired") this.#events.record(how, key, id, { where: "waiting" });
    else this.#events.record(how, key, id, NOTHING);
  }

  /** They are in Postgres. */
  stored(key: ClientKey, entries: readonly Pick<Entry, "body">[], why: string): void {
    for (const { body } of entries)
      if (notificationBody.followed(body))
        this.#events.record("stored", key, notificationBody.id(body), {
          why: isQueueKey(key) ? "queue" : (why as StoredReason),
        });
  }

  /** They are in Kafka until Postgres has them. */
  deferred(key: ClientKey, entries: readonly Pick<Entry, "body">[], why: "away" | "share"): void {
    for (const { body } of entries)
      if (notificationBody.followed(body)) this.#events.record("deferred", key, notificationBody.id(body), { why });
  }

  repeated(key: ClientKey, body: Buffer): void {
    if (notificationBody.followed(body)) this.#events.record("repeated", key, notificationBody.id(body), NOTHING);
  }
}

function acknowledgedBy(session: number, by: ConnectionId | undefined): Details["acknowledged"] {
  if (session === 0) return { how: "client" };
  return { how: "connection", ...(by && { connection: connectionOf(by) }) };
}

function heldWhy(lane: Lane, body: Buffer): Details["held"]["why"] | undefined {
  const { state, queue, storing, sent } = lane;
  // Sent at once, or on its way into Postgres.
  if (queue.length <= Math.max(storing, sent) || queue.at(-1)?.body !== body) return undefined;
  if (state === "UNKNOWN") return "looking for connections";
  return state === "HELD" ? "connection catches up" : "earlier ones are not acknowledged";
}
