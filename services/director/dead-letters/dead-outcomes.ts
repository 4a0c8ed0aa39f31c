import type { DeadLetters } from "@saasaparilla/shared/kafka/dead-letters.ts";
import type { EndedNotification } from "@saasaparilla/shared/protocol/outcome.ts";
import {
  checkNotification,
  Kind,
  notificationBody,
  readDeferred,
  readPack,
} from "@saasaparilla/shared/protocol/pack.ts";
import type { Outcomes } from "#storage/outcomes.ts";

/**
 * Dead letters that report the outcome `dead` for their readable notifications. Resolves when Kafka has both; settle
 * the notifications only then.
 */
export function withOutcomes(
  deadLetters: Pick<DeadLetters, "add">,
  outcomes: Pick<Outcomes, "append">,
): Pick<DeadLetters, "add"> {
  return {
    async add(letter) {
      await Promise.all([deadLetters.add(letter), ...endedIn(letter.value).map((ended) => outcomes.append(ended))]);
    },
  };
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
