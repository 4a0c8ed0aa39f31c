import type { Mark } from "@saasaparilla/shared/protocol/inbox.ts";
import { check } from "./check.ts";
import type { HistoryEvent, Marked, Outcome } from "./history.ts";
import type { Breach } from "./verdict.ts";

interface Publish {
  collapse?: string;
  retract?: true;
  asks?: true;
  outcome?: Outcome;
  /** The answers, if it was sent more than once. */
  outcomes?: Outcome[];
  repeats?: true;
  key?: string;
  ttl?: number;
}

type ListEvent = Extract<HistoryEvent, { kind: "list" }>;

export const QUEUE = "t/{q}";

/** A history of one-word events. Cursors are two-digit numbers here: the checker only compares them. */
export class Tale {
  readonly events: HistoryEvent[] = [{ kind: "client", key: "t/a", steady: true }];
  #at = 0;

  get #now(): number {
    return (this.#at += 1);
  }

  publish(id: string, { outcome = "ok", outcomes = [outcome], key = "t/a", ...more }: Publish = {}): this {
    this.events.push({ kind: "send", id, key, stream: "p", at: this.#now, ...more });
    for (const one of outcomes)
      this.events.push({ kind: "answer", id, outcome: one, notification: `n${id}`, at: this.#now });
    return this;
  }

  connect(connection: number, cursor?: string, key = "t/a"): this {
    this.events.push({ kind: "connect", connection, key, cursor, at: this.#now });
    return this;
  }

  receive(connection: number, id: string, cursor: string, notification?: string): this {
    const more = notification === undefined ? {} : { notification };
    this.events.push({ kind: "receive", connection, id, cursor, at: this.#now, ...more });
    return this;
  }

  /** One message of the queue t/{q}. `asked`: how long ago. */
  read(id: string, { ordered = true, notification = `n${id}`, asked = 0 } = {}): this {
    const at = this.#now;
    this.events.push({ kind: "read", key: QUEUE, id, notification, ordered, asked: at - asked, at });
    return this;
  }

  confirm(id: string): this {
    this.events.push({ kind: "confirm", key: QUEUE, notification: `n${id}`, at: this.#now });
    return this;
  }

  /** The last list of t/a, the newest first. An item is its id with its mark, or its id alone. */
  list(items: readonly (string | [id: string, mark: Mark])[], more: Partial<ListEvent> = {}): this {
    const at = this.#now;
    const shown = items.map((item) => {
      const [id, mark] = typeof item === "string" ? [item, null] : item;
      return { id, notification: `n${id}`, cursor: id.padStart(2, "0"), mark };
    });
    const unread = shown.filter(({ mark }) => mark !== "read").length;
    const unseen = shown.filter(({ mark }) => mark === null).length;
    const counts = { unread, unseen, paged: false, last: true, asked: at, at: this.#now };
    this.events.push({ kind: "list", key: "t/a", items: shown, ...counts, ...more });
    return this;
  }

  /** A device marks, and is answered unless `answered` is false. */
  mark(mark: Mark, which: Marked, answered = true): this {
    const request = this.#now;
    this.events.push({ kind: "marking", key: "t/a", request, mark, which, at: request });
    if (answered) this.events.push({ kind: "marked", request, at: this.#now });
    return this;
  }

  event(event: HistoryEvent): this {
    this.events.push(event);
    return this;
  }

  wait(ms: number): this {
    this.#at += ms;
    return this;
  }

  breaches(): Breach[] {
    return check(this.events, { window: 2 }).violations.map(({ breach }) => breach);
  }
}
