import type { HistoryEvent, ListedNotification } from "./history.ts";
import { ItemMarks, rankOf } from "./item-marks.ts";
import type { Sent } from "./tracked.ts";
import type { Breach, Violation } from "./verdict.ts";

type List = Extract<HistoryEvent, { kind: "list" }>;

/** The most items of an inbox: older ones leave the list. */
const MOST_ITEMS = 500;
const ARCHIVED = 3;
const READ = 2;
/** ms after its time in which an item may be listed: Kafka's and Postgres' clocks are not this process's. */
const SLACK_MS = 1_000;

/**
 * Judges the lists of inboxes and their marks (R80 to R84). Pure. Call it after all other events: it needs their cursors
 * and replacements.
 */
export function judgeInboxes(
  events: readonly HistoryEvent[],
  sent: ReadonlyMap<string, Sent>,
): { violations: Violation[]; listed: number } {
  const inboxes = new Inboxes(sent);
  for (const event of events) inboxes.follow(event);
  return { violations: inboxes.violations, listed: inboxes.listed };
}

class Inboxes {
  readonly violations: Violation[] = [];
  listed = 0;
  readonly #sent: ReadonlyMap<string, Sent>;
  readonly #named = new Map<string, Sent>();
  readonly #marks = new Map<string, ItemMarks>();
  readonly #requests = new Map<number, { answered: number }>();
  readonly #readOutcomes = new Map<string, string>();
  /** As lists showed them, by the load's id. */
  readonly #seen = new Map<string, ListedNotification>();
  /** Replaced for certain: the answers to both were good. */
  readonly #replaced = new Set<Sent>();

  constructor(sent: ReadonlyMap<string, Sent>) {
    this.#sent = sent;
    const last = new Map<string, Sent>();
    for (const one of sent.values()) {
      if (one.collapse === undefined || one.outcome !== "ok") continue;
      const name = `${one.key} ${one.collapse}`;
      const before = last.get(name);
      if (before) this.#replaced.add(before);
      last.set(name, one);
    }
  }

  follow(event: HistoryEvent): void {
    if (event.kind === "answer" && event.notification !== undefined) {
      const sent = this.#sent.get(event.id);
      if (sent) this.#named.set(event.notification, sent);
    } else if (event.kind === "marking") {
      this.#requests.set(event.request, this.#marksOf(event.key).add(event));
    } else if (event.kind === "marked") {
      this.#requests.get(event.request)!.answered = event.at;
    } else if (event.kind === "outcome" && event.outcome === "read") {
      this.#readOutcome(event);
    } else if (event.kind === "list") {
      this.#list(event);
      if (event.last) this.#last(event);
    }
  }

  #list(list: List): void {
    const { key, items, asked, paged } = list;
    const names = new Set<string>();
    const marks = this.#marksOf(key);
    const [owed, wanted] = [marks.owed(asked), marks.asked()];
    let before = "g";
    for (const item of items) {
      if (names.has(item.id)) this.#say("listed twice", key, item.id);
      names.add(item.id);
      if (item.cursor >= before) this.#say("list out of order", key, `${item.id} at ${item.cursor} after ${before}`);
      before = item.cursor;
      this.#seen.set(item.id, item);
      if (this.#belongs(list, item)) this.#marked(list, item, owed, wanted);
    }
    if (paged) return;
    const count = (most: number): number => items.filter(({ mark }) => rankOf(mark) < most).length;
    if (list.unread !== count(READ) || list.unseen !== count(1))
      this.#say("wrong counts", key, `${list.unread}, ${list.unseen}, and not ${count(READ)}, ${count(1)}`);
  }

  /** It may be in a list of this client at this time. */
  #belongs({ key, asked }: List, { id }: ListedNotification): boolean {
    const sent = this.#sent.get(id);
    if (!sent) this.#say("never sent", key, id);
    else if (sent.key !== key) this.#say("of another client", key, `${id} is ${sent.key}'s`);
    else if (sent.outcome === "failed") this.#say("refused, but received", key, id);
    else if (sent.retract) this.#say("still listed", key, `${id}, a retract`);
    else if (sent.ttl !== undefined && asked > sent.answered + sent.ttl + SLACK_MS)
      this.#say("still listed", key, `${id}, which expired`);
    else return true;
    return false;
  }

  #marked(
    { key }: List,
    { id, notification, cursor, mark }: ListedNotification,
    owed: ReturnType<ItemMarks["owed"]>,
    wanted: ReturnType<ItemMarks["asked"]>,
  ): void {
    const rank = rankOf(mark);
    const least = Math.max(0, ...owed(notification, cursor));
    if (rank < least) this.#say("mark lost", key, `${id} has ${rank}, and not ${least}`);
    if (rank > 0 && !wanted(notification, cursor).includes(rank)) this.#say("mark invented", key, `${id} has ${rank}`);
  }

  #readOutcome({ notification, message }: Extract<HistoryEvent, { kind: "outcome" }>): void {
    const before = this.#readOutcomes.get(notification);
    const sent = this.#named.get(notification);
    if (!sent) return;
    const cursor = sent.cursor ?? "";
    if (before !== undefined && before !== message) this.#say("outcome under two ids", sent.key, sent.id);
    if (!this.#marksOf(sent.key).asked()(notification, cursor).includes(READ))
      this.#say("wrong outcome", sent.key, `${sent.id}: read`);
    this.#readOutcomes.set(notification, message);
  }

  #last({ key, items, asked }: List): void {
    this.listed += items.length;
    const listed = new Map(items.map((item) => [item.id, item]));
    const wanted = this.#marksOf(key).asked();
    // Older ones have left a full list.
    const oldest = items.length < MOST_ITEMS ? "" : items.at(-1)!.cursor;
    for (const sent of this.#sent.values()) {
      if (sent.key !== key || sent.outcome !== "ok" || sent.retract) continue;
      const item = listed.get(sent.id);
      if (item) this.#here(sent, item);
      else if (!this.#left(sent, asked, oldest, wanted)) this.#say("missing from the list", key, sent.id);
    }
  }

  #here(sent: Sent, { notification, cursor, mark }: ListedNotification): void {
    if (this.#replaced.has(sent)) this.#say("still listed", sent.key, `${sent.id}, which was replaced`);
    if (sent.cursor !== undefined && sent.cursor !== cursor)
      this.#say("under two cursors", sent.key, `${sent.id} received at ${sent.cursor}, listed at ${cursor}`);
    if (sent.notification !== undefined && sent.notification !== notification)
      this.#say("under two ids", sent.key, `${sent.id} as ${sent.notification} and as ${notification}`);
    if (sent.asks && rankOf(mark) === READ && !this.#readOutcomes.has(notification))
      this.#say("no outcome", sent.key, `${sent.id}: read`);
  }

  #left(sent: Sent, asked: number, oldest: string, wanted: ReturnType<ItemMarks["asked"]>): boolean {
    const { replaced, dead, ttl, at } = sent;
    if (replaced || dead || (ttl !== undefined && at + ttl < asked)) return true;
    const { cursor = "", notification = "" } = this.#seen.get(sent.id) ?? sent;
    return cursor < oldest || wanted(notification, cursor).includes(ARCHIVED);
  }

  #marksOf(key: string): ItemMarks {
    let marks = this.#marks.get(key);
    if (!marks) this.#marks.set(key, (marks = new ItemMarks()));
    return marks;
  }

  #say(breach: Breach, key: string, detail: string): void {
    this.violations.push({ breach, key, detail });
  }
}
