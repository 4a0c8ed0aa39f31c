import type { HistoryEvent } from "./history.ts";
import type { Sent } from "./tracked.ts";
import type { Breach, Violation } from "./verdict.ts";

/** The maximum of repeats while Kafka does not answer. */
const MOST_REPEATED_SENDS = 10;

/** Judges the dead letters: each unprocessable record, and no other, must be one. Pure. */
export class JudgedLetters {
  readonly #named: ReadonlyMap<string, Sent>;
  readonly #violations: Violation[];
  readonly #poison = new Map<string, { letters: number; allowed: number }>();

  constructor(named: ReadonlyMap<string, Sent>, violations: Violation[]) {
    this.#named = named;
    this.#violations = violations;
  }

  /** Unprocessable records that are dead letters. */
  get found(): number {
    return [...this.#poison.values()].filter(({ letters }) => letters > 0).length;
  }

  /**
   * Each owner of its partition in this run may report it: every successor, and an earlier zombie that reads on. So may
   * an owner whose send was not answered.
   */
  poisoned(
    { place, partition }: Extract<HistoryEvent, { kind: "poison" }>,
    events: readonly HistoryEvent[],
    repeatedSends: boolean,
  ): void {
    const claims = events.filter((one) => one.kind === "claim" && one.partition === partition);
    this.#poison.set(place, { letters: 0, allowed: 1 + claims.length + (repeatedSends ? MOST_REPEATED_SENDS : 0) });
  }

  letter({ place, notifications, reason }: Extract<HistoryEvent, { kind: "dead letter" }>): void {
    for (const notification of notifications) {
      const sent = this.#named.get(notification);
      if (sent) sent.dead = true;
    }
    const poison = this.#poison.get(place);
    if (poison) poison.letters += 1;
    else this.#say("dead letter", place, `${reason}: ${notifications.join(", ")}`);
    if (poison && poison.letters === poison.allowed + 1)
      this.#say("dead letter again", place, `more than ${poison.allowed} times`);
  }

  atTheEnd(): void {
    for (const [place, { letters }] of this.#poison) if (letters === 0) this.#say("no dead letter", place, "poison");
  }

  #say(breach: Breach, key: string, detail: string): void {
    this.#violations.push({ breach, key, detail });
  }
}
