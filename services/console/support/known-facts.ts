import type { EventKind } from "@saasaparilla/shared/timeline/events.ts";
import type { Facts } from "./facts.ts";
import { reasonIn, TRANSPORTS } from "./reasons.ts";
import { isKnown, type KnownEvent } from "./told-events.ts";

export type EventOf<K extends EventKind> = Extract<KnownEvent, { kind: K }>;

/** Facts with their events by kind. */
export class KnownFacts {
  readonly facts: Facts;
  readonly #events: readonly KnownEvent[];

  constructor(facts: Facts) {
    this.facts = facts;
    this.#events = facts.events.filter(isKnown);
  }

  last<K extends EventKind>(...kinds: readonly K[]): EventOf<K> | undefined {
    return this.#events.findLast((event): event is EventOf<K> => kinds.includes(event.kind as K));
  }

  count(kind: EventKind): number {
    return this.#events.filter((event) => event.kind === kind).length;
  }

  /** Whether one event comes later in the timeline than another, or there is no other. */
  isLater(one: KnownEvent, other: KnownEvent | undefined): boolean {
    return other === undefined || this.#events.indexOf(one) > this.#events.indexOf(other);
  }

  /** The transport of a connection that took the notification. */
  transportOf(connection: string | undefined): string | undefined {
    const took = this.#events.findLast(
      (event): event is EventOf<"delivered" | "replayed"> =>
        (event.kind === "delivered" || event.kind === "replayed") && event.detail.connection === connection,
    );
    return took && reasonIn(TRANSPORTS, took.detail.transport);
  }
}
