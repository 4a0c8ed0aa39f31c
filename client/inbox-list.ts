import type { Cursor, InboxItem, Mark } from "./api.ts";
import { Marks, type MarkRequest } from "./inbox-marks.ts";

/** The server keeps at most this many for one client. */
export const MOST_ITEMS = 500;
/** Collapse keys that are remembered: an older answer of the server must not bring their items back. */
const MOST_KEYS = 1_000;
/** An item heard from the connection may lack in so many answers: the server writes its list a little later. */
const MOST_MISSES = 3;

/** The answer of GET /v1/inbox. */
export interface Answer<T> extends Counts {
  items: InboxItem<T>[];
  more: boolean;
  events: string[];
}

export interface Counts {
  unread: number;
  unseen: number;
}

interface Held<T> {
  item: InboxItem<T>;
  /** Answers of the server without this item, or undefined after an answer with it. */
  misses: number | undefined;
}

/**
 * The list of one client. Marks and replacements only rise: it ends the same in whatever order they arrive, and however
 * old the server's answer is.
 */
export class List<T> {
  readonly #marks = new Marks();
  /** The cursor of the last notification or retract with each collapse key. */
  readonly #replaced = new Map<string, Cursor>();
  /** Newest first. */
  #held: Held<T>[] = [];
  /** The last cursor of the server's answers: its list has everything before it. */
  #top: Cursor = "";
  /** The last replayed notification. It is shown only from an answer, because another device may have archived it. */
  #expected: { cursor: Cursor; misses: number } | undefined;
  /** Unread and unseen items that are older than the held ones. */
  #older: Counts = { unread: 0, unseen: 0 };
  #shown = new Map<string, InboxItem<T>>();
  /** Heard before the first answer: only the answer says which events belong to the list. */
  #early: InboxItem<T>[] = [];
  #events: string[] | undefined;
  more = false;
  /** Something happened to items that are not loaded, or the server counts differently: only its list helps. */
  doubtful = false;

  get size(): number {
    return this.#held.length;
  }

  /** The cursor before which older items begin. */
  get oldest(): Cursor | undefined {
    return this.#held.filter(({ misses }) => misses === undefined).at(-1)?.item.cursor;
  }

  get newest(): Cursor | undefined {
    return this.#held[0]?.item.cursor;
  }

  /** Answers of the server without something that was heard: 0 if the last one had everything. */
  get misses(): number {
    return Math.max(this.#expected?.misses ?? 0, ...this.#held.map(({ misses = 0 }) => misses));
  }

  /** Takes the newest items of the server. `shorter`: another tab asked, and has perhaps loaded less. */
  replace(answer: Answer<T>, shorter = false): void {
    const { items, unread, unseen, more, events } = answer;
    const [top, bottom] = [items[0]?.cursor ?? "", items.at(-1)?.cursor ?? ""];
    const fresh = this.#held.filter(({ item, misses }) => misses !== undefined && item.cursor > top);
    const kept = shorter && more ? this.#held.filter(({ item }) => item.cursor < bottom) : [];
    this.#held = [
      ...fresh.map(({ item, misses }) => ({ item, misses: misses! + 1 })).filter(({ misses }) => misses <= MOST_MISSES),
      ...items.map((item) => ({ item, misses: undefined })),
      ...kept,
    ];
    this.#top = top;
    this.#events = events;
    this.doubtful = false;
    if (kept.length === 0) this.more = more;
    this.#older = { unread, unseen };
    this.#without([...items, ...kept.map(({ item }) => ({ mark: this.#marks.of(item) }))]);
    const expected = this.#expected;
    this.#expected =
      expected && expected.cursor > top && expected.misses < MOST_MISSES
        ? { ...expected, misses: expected.misses + 1 }
        : undefined;
    for (const item of this.#early.splice(0)) this.add(item);
  }

  /** Takes older items, if they follow those that are held. */
  append({ items, more }: Answer<T>, before: Cursor): void {
    if (this.oldest !== before) return;
    this.#held = this.#held.filter(({ item }) => item.cursor >= before);
    this.#held.push(...items.map((item) => ({ item, misses: undefined })));
    this.#without(items);
    this.more = more && this.#held.length < MOST_ITEMS;
    if (!this.more) this.#older = { unread: 0, unseen: 0 };
  }

  /** Takes a notification of the connection, if its event belongs to the list. */
  add(item: InboxItem<T>, replayed = false): void {
    if (item.cursor <= this.#top) return;
    if (replayed) {
      if (!this.#events || this.#belongs(item)) this.#expected = { cursor: item.cursor, misses: 0 };
    } else if (!this.#events) this.#early = [...this.#early, item].slice(-MOST_ITEMS);
    else if (this.#belongs(item)) {
      if (item.collapse !== undefined) this.#replace(item.collapse, item.cursor);
      const at = this.#held.findIndex(({ item: { cursor } }) => cursor <= item.cursor);
      if (this.#held[at]?.item.cursor === item.cursor) return;
      this.#held.splice(at < 0 ? this.#held.length : at, 0, { item, misses: 0 });
      // The server drops its oldest item, too.
      this.#held.length = Math.min(this.#held.length, MOST_ITEMS);
    }
  }

  retract(collapse: string, cursor: Cursor): void {
    this.#early = this.#early.filter((item) => item.collapse !== collapse || item.cursor > cursor);
    this.#replace(collapse, cursor);
  }

  /** Applies marks that the server has, and compares its numbers with ours. */
  mark(request: MarkRequest, counts: { unread?: number | undefined; unseen?: number | undefined }): void {
    const held =
      "upTo" in request
        ? !this.more || request.upTo >= (this.oldest ?? "")
        : request.ids.every((id) => this.#held.some(({ item }) => item.id === id));
    this.#marks.add(request);
    // The server may count heard items already, or not yet.
    const certain = !this.#expected && this.#held.every(({ misses }) => misses === undefined);
    const { unread = 0, unseen = 0 } = counts;
    if (!certain) this.doubtful ||= !held;
    else if (held) {
      const ours = this.#totals(this.#visible(this.#marks), this.#marks);
      this.doubtful ||= ours.unread !== unread || ours.unseen !== unseen;
    } else {
      this.#older = { unread, unseen };
      this.#without(this.#visible(this.#marks));
    }
  }

  /** The server deleted items: heard ones, too, have to be in the next answer. */
  distrust(): void {
    for (const held of this.#held) held.misses = undefined;
    this.#early = [];
    this.#expected = undefined;
  }

  /** What the user sees, with marks that the server does not have yet. */
  view(pending: readonly MarkRequest[]): Counts & { items: InboxItem<T>[] } {
    const marks = this.#marks.copy();
    for (const request of pending) marks.add(request);
    const visible = this.#visible(marks);
    const before = this.#shown;
    // The same object for the same content, so that views need not render it again.
    const items = visible.map(({ item, mark }) => {
      const same = before.get(item.id);
      return same?.mark === mark ? same : { ...item, mark };
    });
    this.#shown = new Map(items.map((item) => [item.id, item]));
    return { items, ...this.#totals(visible, marks) };
  }

  #visible(marks: Marks): { item: InboxItem<T>; mark: "seen" | "read" | null }[] {
    return this.#held.flatMap(({ item }) => {
      const mark = marks.of(item);
      const replaced = item.collapse !== undefined && item.cursor < (this.#replaced.get(item.collapse) ?? "");
      return mark === "archived" || replaced ? [] : [{ item, mark }];
    });
  }

  #totals(visible: readonly { mark: Mark | null }[], marks: Marks): Counts {
    const bottom = this.#held.at(-1)?.item.cursor ?? "";
    const { unread, unseen } = counted(visible);
    return {
      unread: unread + (marks.all("read", bottom) ? 0 : this.#older.unread),
      unseen: unseen + (marks.all("seen", bottom) ? 0 : this.#older.unseen),
    };
  }

  /** The numbers of the server include these items: what remains is older. */
  #without(items: readonly { mark: Mark | null }[]): void {
    const { unread, unseen } = counted(items);
    this.#older = {
      unread: Math.max(0, this.#older.unread - unread),
      unseen: Math.max(0, this.#older.unseen - unseen),
    };
  }

  #belongs({ event }: InboxItem<T>): boolean {
    return this.#events!.some((pattern) => matches(pattern, event));
  }

  #replace(key: string, cursor: Cursor): void {
    if (cursor <= (this.#replaced.get(key) ?? "")) return;
    const { unread, unseen } = this.#older;
    const held = this.#replaced.has(key) || this.#held.some(({ item }) => item.collapse === key);
    this.doubtful ||= !held && unread + unseen > 0;
    this.#replaced.delete(key);
    this.#replaced.set(key, cursor);
    if (this.#replaced.size > MOST_KEYS) this.#replaced.delete(this.#replaced.keys().next().value!);
  }
}

const counted = (items: readonly { mark: Mark | null }[]): Counts => ({
  unread: items.filter(({ mark }) => mark === null || mark === "seen").length,
  unseen: items.filter(({ mark }) => mark === null).length,
});

/** `*` takes everything, and `alert.*` each event with that beginning. */
function matches(pattern: string, event = ""): boolean {
  return pattern.endsWith("*") ? event.startsWith(pattern.slice(0, -1)) : event === pattern;
}
