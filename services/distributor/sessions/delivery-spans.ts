import type { Sequence } from "@saasaparilla/shared/protocol/notification.ts";
import { notificationBody } from "@saasaparilla/shared/protocol/pack.ts";
import { spanDropped } from "@saasaparilla/shared/tracing/open-tracing.ts";
import { recordSpan, type SpanContext } from "@saasaparilla/shared/tracing/spans.ts";
import type { Source, Transport } from "#metrics.ts";
import type { Row } from "./session.ts";

interface Delivered {
  sequence: Sequence;
  context: SpanContext;
  /** ms since 1970. */
  at: number;
}

/** Sampled notifications of all sessions that wait for their acknowledgement. The span of a further one is dropped. */
const MOST_WAITING = 10_000;

/**
 * Spans of sampled notifications at this distributor: `deliver`, and below it `acknowledge`, which lasts until the
 * client acknowledges. It keeps nothing of other notifications.
 */
export class DeliverySpans {
  readonly #bySession = new Map<number, Delivered[]>();
  readonly #most: number;
  #waiting = 0;

  constructor(most = MOST_WAITING) {
    this.#most = most;
  }

  /** Call it only if `isTraced`. `began`: when this distributor began to write it; ms since 1970. */
  delivered(
    session: number,
    { sequence, body }: Row,
    how: { transport: Transport; source: Source },
    began: number,
  ): void {
    const context = recordSpan("deliver", "consumer", notificationBody.traceparent(body), {
      start: new Date(began),
      attributes: { "notification.id": notificationBody.id(body), ...how },
    });
    if (this.#waiting >= this.#most) {
      spanDropped();
      return;
    }
    let waiting = this.#bySession.get(session);
    if (!waiting) this.#bySession.set(session, (waiting = []));
    waiting.push({ sequence, context, at: began });
    this.#waiting += 1;
  }

  /** The client has everything up to here. */
  acknowledged(session: number, upTo: Sequence): void {
    if (this.#waiting === 0) return;
    const waiting = this.#bySession.get(session);
    if (!waiting) return;
    const later = waiting.findIndex(({ sequence }) => sequence > upTo);
    const covered = waiting.splice(0, later === -1 ? waiting.length : later);
    const attributes = { "notifications.acknowledged": covered.length };
    for (const { context, at } of covered)
      recordSpan("acknowledge", "internal", context, { start: new Date(at), attributes });
    this.#waiting -= covered.length;
    if (waiting.length === 0) this.#bySession.delete(session);
  }

  /** The session is closed. Its client gets what it did not acknowledge again, with another span. */
  forget(session: number): void {
    const waiting = this.#bySession.get(session);
    if (!waiting) return;
    this.#waiting -= waiting.length;
    this.#bySession.delete(session);
  }
}
