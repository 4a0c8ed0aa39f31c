import type { HistoryEvent, Outcome } from "./history.ts";
import { reorderedAnswers } from "./answer-order.ts";
import { judgeEndings } from "./endings.ts";
import { judgeInboxes } from "./inbox-lists.ts";
import { JudgedLetters } from "./judged-letters.ts";
import { QueueReads } from "./queue-reads.ts";
import { newClient, newSent, type Client, type Connection, type Sent } from "./tracked.ts";
import type { Breach, Verdict, Violation } from "./verdict.ts";

/** An arrival later than this counts as delayed by the fault. */
const LATE_MS = 2_000;

interface Bounds {
  /** The most notifications that are sent and not yet acknowledged. */
  window: number;
  /** Unanswered sends to Kafka: a record that Kafka accepted anyway is there twice. */
  repeatedSends: boolean;
}

/** Pure. Call it after every client was online long enough to have everything. */
export function check(events: readonly HistoryEvent[], bounds: Partial<Bounds> = {}): Verdict {
  return new Checker(events, { window: 256, repeatedSends: false, ...bounds }).verdict();
}

const RANK: Record<Outcome, number> = { ok: 2, unknown: 1, failed: 0 };

class Checker {
  readonly #events: readonly HistoryEvent[];
  readonly #bounds: Bounds;
  readonly #violations: Violation[] = [];
  readonly #sent = new Map<string, Sent>();
  /** Notifications by the platform's id. */
  readonly #named = new Map<string, Sent>();
  readonly #clients = new Map<string, Client>();
  readonly #connections = new Map<number, Connection>();
  readonly #letters = new JudgedLetters(this.#named, this.#violations);
  readonly #reads = new QueueReads(this.#sent, this.#violations);
  #duplicates = 0;
  #silence = 0;
  #healed: number | undefined;
  #lastTrouble = 0;
  #end = 0;

  constructor(events: readonly HistoryEvent[], bounds: Bounds) {
    this.#events = events;
    this.#bounds = bounds;
  }

  verdict(): Verdict {
    // A notification may arrive before its publisher has the answer.
    for (const event of this.#events) this.#collect(event);
    for (const event of this.#events) this.#follow(event);
    this.#atTheEnd();
    this.#violations.push(...reorderedAnswers(this.#sent.values()));
    const inboxes = judgeInboxes(this.#events, this.#sent);
    this.#violations.push(...inboxes.violations);
    const all = [...this.#sent.values()];
    const ok = all.filter(({ outcome }) => outcome === "ok");
    const count = (breach: Breach): number => this.#violations.filter((one) => one.breach === breach).length;
    return {
      violations: this.#violations,
      figures: {
        sent: ok.length,
        received: ok.filter(({ received }) => received).length,
        expired: ok.filter(({ received, expired }) => !received && expired).length,
        failed: all.filter(({ outcome }) => outcome === "failed").length,
        unknown: all.filter(({ outcome }) => outcome === "unknown").length,
        lost: count("lost"),
        reordered: count("reordered") + count("new before stored") + count("repeated on a connection"),
        duplicates: this.#duplicates,
        listed: inboxes.listed,
        read: this.#reads.messages,
        outcomes: all.filter(({ ended }) => ended !== undefined).length,
        "dead letters": this.#letters.found,
        silence: this.#silence,
        recovery: this.#healed === undefined ? 0 : Math.max(0, this.#lastTrouble - this.#healed),
      },
    };
  }

  #collect(event: HistoryEvent): void {
    if (event.kind === "send") {
      this.#sent.set(event.id, newSent(event));
    } else if (event.kind === "answer") {
      const sent = this.#sent.get(event.id);
      if (sent) this.#best(sent, event);
      if (sent && event.notification !== undefined) this.#named.set(event.notification, sent);
    } else if (event.kind === "mark" && event.what === "healed") {
      this.#healed = event.at;
    } else if (event.kind === "poison") {
      this.#letters.poisoned(event, this.#events, this.#bounds.repeatedSends);
    }
    if ("at" in event) this.#end = Math.max(this.#end, event.at);
  }

  #follow(event: HistoryEvent): void {
    switch (event.kind) {
      case "send":
      case "acknowledge":
      case "close":
      case "mark":
      case "poison":
      case "claim":
      case "outcome":
      case "list":
      case "marking":
      case "marked":
        return;
      case "client":
        this.#client(event.key).steady = event.steady;
        return;
      case "answer":
        this.#answered(event);
        return;
      case "connect":
        this.#connect(event);
        return;
      case "resume":
        this.#resume(event);
        return;
      case "live":
        this.#on(event.connection).live = true;
        return;
      case "receive":
        this.#receive(event);
        return;
      case "read":
        this.#reads.read(event);
        return;
      case "confirm":
        this.#reads.confirmed(event);
        return;
      case "stored": {
        const client = this.#client(event.key);
        if (event.cursor > client.stored) client.stored = event.cursor;
        return;
      }
      case "expire":
        this.#expire(event);
        return;
      case "dead letter": {
        this.#letters.letter(event);
        return;
      }
      case "breach":
        this.#say("protocol", this.#on(event.connection).key, event.what);
    }
  }

  #answered({ id, outcome, at }: Extract<HistoryEvent, { kind: "answer" }>): void {
    const sent = this.#sent.get(id);
    if (!sent) return;
    if (outcome !== "ok") {
      this.#lastTrouble = Math.max(this.#lastTrouble, at);
      return;
    }
    // It may be replaced, and then never arrives.
    if (sent.collapse !== undefined) return;
    const client = this.#client(sent.key);
    // Only the first such answer, because a repeat with its key has the same one.
    if (!client.steady || sent.received || sent.expired || at !== sent.answered) return;
    client.pending += 1;
    client.waitingSince ??= at;
  }

  #connect({ connection, key, cursor }: Extract<HistoryEvent, { kind: "connect" }>): void {
    const client = this.#client(key);
    client.connects += 1;
    const position = cursor ?? "";
    this.#connections.set(connection, {
      id: connection,
      key,
      asked: cursor,
      position,
      live: false,
      storedBefore: client.stored,
    });
  }

  #resume({ connection, cursor }: Extract<HistoryEvent, { kind: "resume" }>): void {
    const on = this.#on(connection);
    if (on.asked !== undefined && on.asked !== cursor)
      this.#say("cursor not taken", on.key, `asked for ${on.asked}, resumed at ${cursor}`);
    on.position = cursor;
  }

  #receive(event: Extract<HistoryEvent, { kind: "receive" }>): void {
    const { id, cursor, at } = event;
    const on = this.#on(event.connection);
    const sent = this.#sent.get(id);
    if (!sent) {
      this.#say("never sent", on.key, id);
      return;
    }
    if (sent.key !== on.key) {
      this.#say("of another client", on.key, `${id} is ${sent.key}'s`);
      return;
    }
    if (sent.outcome === "failed") this.#say("refused, but received", on.key, id);
    if (event.notification !== undefined) {
      if (sent.notification !== undefined && sent.notification !== event.notification)
        this.#say("under two ids", on.key, `${id} as ${sent.notification} and as ${event.notification}`);
      sent.notification = event.notification;
    }
    if (cursor <= on.position) {
      this.#say("repeated on a connection", on.key, `${id} at ${cursor}, after ${on.position} on ${on.id}`);
    } else {
      on.position = cursor;
    }
    if (on.live && cursor <= on.storedBefore)
      this.#say(
        "new before stored",
        on.key,
        `${id} at ${cursor} was stored before ${on.id} began, and came after live`,
      );
    const client = this.#client(on.key);
    if (sent.received) this.#again(sent, cursor, client);
    else this.#first(sent, cursor, at, client);
  }

  #again(sent: Sent, cursor: string, client: Client): void {
    this.#duplicates += 1;
    client.duplicates += 1;
    if (sent.cursor !== cursor)
      this.#say("under two cursors", sent.key, `${sent.id} (${sent.outcome}) at ${sent.cursor} and at ${cursor}`);
  }

  #first(sent: Sent, cursor: string, at: number, client: Client): void {
    sent.received = true;
    sent.cursor = cursor;
    if (cursor <= client.last) this.#say("reordered", sent.key, `${sent.id} at ${cursor} after ${client.last}`);
    else client.last = cursor;
    if (!client.steady) return;
    if (client.waitingSince !== undefined) this.#silence = Math.max(this.#silence, at - client.waitingSince);
    if (sent.outcome === "ok" && sent.answered < at && sent.collapse === undefined) client.pending -= 1;
    client.waitingSince = client.pending > 0 ? at : undefined;
    if (at - sent.answered > LATE_MS) this.#lastTrouble = Math.max(this.#lastTrouble, at);
  }

  /** A refused repeat does not change the earlier answer. */
  #best(sent: Sent, { outcome, at }: Extract<HistoryEvent, { kind: "answer" }>): void {
    if (sent.outcome === "ok") return;
    if (!sent.repeats || RANK[outcome] > RANK[sent.outcome]) sent.outcome = outcome;
    sent.answered = at;
  }

  #expire({ notification, at }: Extract<HistoryEvent, { kind: "expire" }>): void {
    const sent = this.#named.get(notification);
    if (!sent) return;
    const client = this.#client(sent.key);
    if (client.steady && !sent.received && !sent.expired && sent.outcome === "ok" && sent.answered < at) {
      client.pending -= 1;
      if (client.pending === 0) client.waitingSince = undefined;
    }
    sent.expired = true;
    if (sent.ttl === undefined || at < sent.at + sent.ttl) this.#say("expired early", sent.key, sent.id);
  }

  #atTheEnd(): void {
    this.#letters.atTheEnd();
    this.#violations.push(...judgeEndings(this.#events, [...this.#sent.values()], this.#named));
    for (const sent of this.#sent.values()) {
      const { id, key, outcome, received, expired, dead, at, ttl, repeats } = sent;
      if (repeats && outcome !== "ok") this.#say("never accepted", key, id);
      if (outcome !== "ok" || received || expired || dead || sent.retract || sent.replaced) continue;
      const over = ttl !== undefined && at + ttl < this.#end;
      this.#say(over ? "expired unseen" : "lost", key, `${id}, sent at ${Math.round(at)} ms`);
    }
    for (const [key, { duplicates, connects }] of this.#clients) {
      if (duplicates > this.#bounds.window * connects)
        this.#say("too many duplicates", key, `${duplicates} over ${connects} connections`);
    }
  }

  #client(key: string): Client {
    let client = this.#clients.get(key);
    if (!client) {
      client = newClient();
      this.#clients.set(key, client);
    }
    return client;
  }

  #on(connection: number): Connection {
    const found = this.#connections.get(connection);
    if (!found) throw new Error(`The history has no connection ${connection}.`);
    return found;
  }

  #say(breach: Breach, key: string, detail: string): void {
    this.#violations.push({ breach, key, detail });
  }
}
