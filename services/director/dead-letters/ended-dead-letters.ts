import type { DeadLetter, DeadLetters } from "@saasaparilla/shared/kafka/dead-letters.ts";
import type { EndedNotification } from "@saasaparilla/shared/protocol/outcome.ts";
import {
  checkNotification,
  Kind,
  notificationBody,
  readDeferred,
  readPack,
} from "@saasaparilla/shared/protocol/pack.ts";
import type { Outcomes } from "@saasaparilla/shared/kafka/outcomes.ts";

/** Dead letters, with the outcomes of their notifications. */
export class EndedDeadLetters {
  readonly #deadLetters: Pick<DeadLetters, "add">;
  readonly #outcomes: Pick<Outcomes, "append">;

  constructor(deadLetters: Pick<DeadLetters, "add">, outcomes: Pick<Outcomes, "append">) {
    this.#deadLetters = deadLetters;
    this.#outcomes = outcomes;
  }

  /**
   * Resolves when Kafka has the dead letter and the outcomes of its readable notifications; settle its notifications
   * only then. Without Kafka it never resolves.
   */
  async add(letter: DeadLetter): Promise<void> {
    const outcomes = endedIn(letter.value).map((ended) => this.#outcomes.append(ended));
    await Promise.all([this.#deadLetters.add(letter), ...outcomes]);
  }
}

/** The notifications that ask for an outcome, up to the first unreadable item. */
function endedIn(value: Buffer): EndedNotification[] {
  const ended: EndedNotification[] = [];
  try {
    readPack(value, (kind, raw, index) => {
      if (kind !== Kind.NOTIFICATION && kind !== Kind.DEFERRED) return;
      const body = kind === Kind.DEFERRED ? readDeferred(raw).body : raw;
      checkNotification(body, index);
      const outcomes = notificationBody.endOptions(body)?.outcomes;
      if (outcomes === undefined) return;
      ended.push({ key: notificationBody.key(body), id: notificationBody.id(body), outcomes, outcome: "dead" });
    });
  } catch {
    // An unreadable record is an expected dead letter.
  }
  return ended;
}
