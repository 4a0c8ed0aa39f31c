import type { HistoryEvent } from "./history.ts";
import type { Sent } from "./tracked.ts";
import type { Breach, Violation } from "./verdict.ts";

/** Judges the consumers of queues (R70, R71). Pure. */
export class QueueReads {
  readonly #sent: ReadonlyMap<string, Sent>;
  readonly #violations: Violation[];
  /** Times of confirmations, by queue and platform id. */
  readonly #confirmed = new Map<string, number>();
  /** The number of a message's first read is its place in the queue, and serves as a cursor. */
  #places = 0;

  constructor(sent: ReadonlyMap<string, Sent>, violations: Violation[]) {
    this.#sent = sent;
    this.#violations = violations;
  }

  get messages(): number {
    return this.#places;
  }

  read({ key, id, notification, ordered, asked }: Extract<HistoryEvent, { kind: "read" }>): void {
    const say = (breach: Breach, detail: string): void => void this.#violations.push({ breach, key, detail });
    const sent = this.#sent.get(id);
    if (!sent) return say("never sent", id);
    if (sent.key !== key) return say("of another client", `${id} is ${sent.key}'s`);
    if (sent.outcome === "failed") say("refused, but received", id);
    const confirmed = this.#confirmed.get(`${key} ${notification}`);
    if (confirmed !== undefined && confirmed < asked) say("read after its confirmation", id);
    if (sent.notification !== undefined && sent.notification !== notification)
      say("under two ids", `${id} as ${sent.notification} and as ${notification}`);
    sent.notification = notification;
    if (sent.received) return;
    sent.received = true;
    this.#places += 1;
    if (ordered) sent.cursor = String(this.#places).padStart(12, "0");
  }

  confirmed({ key, notification, at }: Extract<HistoryEvent, { kind: "confirm" }>): void {
    const name = `${key} ${notification}`;
    if (!this.#confirmed.has(name)) this.#confirmed.set(name, at);
  }
}
