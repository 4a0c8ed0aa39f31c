import type { DeadLetter, DeadLetters } from "@saasaparilla/shared/kafka/dead-letters.ts";
import { shorten } from "@saasaparilla/shared/http/problem.ts";
import type { Events } from "@saasaparilla/shared/timeline/event-log.ts";
import { MOST_WHY } from "@saasaparilla/shared/timeline/events.ts";
import {
  checkNotification,
  Kind,
  notificationBody,
  readDeferred,
  readPack,
} from "@saasaparilla/shared/protocol/pack.ts";
import type { Outcomes } from "@saasaparilla/shared/kafka/outcomes.ts";

/** Dead letters, with the outcomes of their notifications and their events. */
export class EndedDeadLetters {
  readonly #deadLetters: Pick<DeadLetters, "add">;
  readonly #outcomes: Pick<Outcomes, "append">;
  readonly #events: Events;

  constructor(deadLetters: Pick<DeadLetters, "add">, outcomes: Pick<Outcomes, "append">, events: Events) {
    this.#deadLetters = deadLetters;
    this.#outcomes = outcomes;
    this.#events = events;
  }

  /**
   * Resolves when Kafka has the dead letter and the outcomes of its readable notifications; settle its notifications
   * only then. Without Kafka it never resolves.
   */
  async add(letter: DeadLetter): Promise<void> {
    const ended = notificationsIn(letter.value).map((body) => this.#end(body, letter));
    await Promise.all([this.#deadLetters.add(letter), ...ended]);
  }

  #end(body: Buffer, { topic, partition, offset, index, reason }: DeadLetter): Promise<void> | undefined {
    const [key, id] = [notificationBody.key(body), notificationBody.id(body)];
    const place = { topic, partition, offset, ...(index !== undefined && { index }) };
    this.#events.record("dead-lettered", key, id, { why: shorten(reason, MOST_WHY), ...place });
    const outcomes = notificationBody.endOptions(body)?.outcomes;
    return outcomes === undefined ? undefined : this.#outcomes.append({ key, id, outcomes, outcome: "dead" });
  }
}

/** Its notifications, up to the first unreadable item. */
export function notificationsIn(value: Buffer): Buffer[] {
  const bodies: Buffer[] = [];
  try {
    readPack(value, (kind, raw, index) => {
      if (kind !== Kind.NOTIFICATION && kind !== Kind.DEFERRED) return;
      const body = kind === Kind.DEFERRED ? readDeferred(raw).body : raw;
      checkNotification(body, index);
      bodies.push(body);
    });
  } catch {
    // An unreadable record is an expected dead letter.
  }
  return bodies;
}
