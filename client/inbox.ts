import type { Inbox, InboxError, InboxItem, InboxState, Mark, Marked, Options } from "./api.ts";
import { guarded, reporter } from "./callbacks.ts";
import { baseOf } from "./http.ts";
import { MOST_ITEMS } from "./inbox-list.ts";
import { MARKS } from "./inbox-marks.ts";
import { FULL } from "./inbox-pending.ts";
import { Sync } from "./inbox-sync.ts";
import type { Item, ServerFrame } from "./protocol.ts";

export type { Inbox, InboxError, InboxErrorCode, InboxItem, InboxState, Mark, Marked } from "./api.ts";

export interface InboxOptions {
  /** The address of the courier, or of the proxy in front of it: "https://notifications.example". */
  url: string;
  /**
   * Tells apart the users of one browser: their tabs share a state. The default is the token's `sub`. Set it if several
   * clients have the same `sub`.
   */
  client?: string;
}

/** The ids of one request. */
const MOST_IDS = 1_000;

/** The user's list of notifications: give it to `connect` as the option `inbox`. */
export function inbox<T = unknown>(options: InboxOptions): Inbox<T> {
  baseOf(options.url);
  return new UserInbox<T>(options);
}

type Given<T> = Pick<Options<T>, "token" | "onError" | "random" | "timers">;

class UserInbox<T> implements Inbox<T> {
  readonly #options: InboxOptions;
  readonly #listeners = new Set<() => unknown>();
  #sync: Sync<T> | undefined;
  #report: ((error: unknown) => void) | undefined;
  #state: InboxState<T> = { items: [], unread: 0, unseen: 0, more: false, loading: true, error: undefined };
  #changed = false;
  #telling = false;
  #replaying = false;
  #full: InboxError | undefined;

  constructor(options: InboxOptions) {
    this.#options = options;
  }

  get state(): InboxState<T> {
    if (this.#changed) this.#renew();
    return this.#state;
  }
  get items(): readonly InboxItem<T>[] {
    return this.state.items;
  }
  get unread(): number {
    return this.state.unread;
  }
  get unseen(): number {
    return this.state.unseen;
  }
  get more(): boolean {
    return this.state.more;
  }
  get loading(): boolean {
    return this.state.loading;
  }
  get error(): InboxError | undefined {
    return this.state.error;
  }

  readonly subscribe = (listener: () => unknown): (() => void) => {
    // The same function twice is two listeners.
    const own = (): unknown => listener();
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  };

  attach(connection: Given<T>, signal: unknown): void {
    if (this.#sync) throw new TypeError("inbox: it belongs to another connection. Call inbox() for each connect().");
    const tell = reporter(connection);
    this.#report = (error) => tell(error, { code: "state-failed", text: "A listener of the inbox failed." });
    this.#sync = new Sync(() => this.#change(), {
      ...this.#options,
      token: connection.token,
      random: connection.random ?? Math.random,
      timers: connection.timers ?? globalThis,
      signal: signal as AbortSignal,
    });
  }

  hear(given: unknown, token: string | undefined): void {
    const frame = given as ServerFrame;
    const sync = this.#attached;
    if (token !== undefined) sync.accepted(token);
    if (frame.type === "connected") {
      this.#replaying = true;
      sync.need();
    } else if (frame.type === "live") {
      this.#replaying = false;
      sync.live();
    } else if (frame.type === "notification" || frame.type === "retract") this.#item(frame);
    else if (frame.type === "notifications") for (const one of frame.items) this.#item(one);
    else if (frame.type === "inbox") {
      const { mark, ids, upTo, unread, unseen } = frame;
      if (mark && upTo !== undefined) sync.list.mark({ mark, upTo }, { unread, unseen });
      else if (mark && Array.isArray(ids)) sync.list.mark({ mark, ids }, { unread, unseen });
      else {
        sync.list.distrust();
        void sync.reload();
      }
    } else return;
    sync.settle();
    this.#change();
  }

  async loadMore(): Promise<void> {
    await this.#attached.more();
  }

  async reload(): Promise<void> {
    await this.#attached.reload();
  }

  async mark(mark: Mark, marked: Marked): Promise<boolean> {
    if (MARKS.indexOf(mark) < 1) throw new TypeError(`mark: ${mark}. Expected seen, read or archived.`);
    this.#full = undefined;
    if ("upTo" in marked) return this.#mark(mark, marked);
    const { ids } = marked;
    const taken: Promise<boolean>[] = [];
    for (let at = 0; at < ids.length; at += MOST_IDS)
      taken.push(this.#mark(mark, { ids: ids.slice(at, at + MOST_IDS) }));
    return (await Promise.all(taken)).every(Boolean);
  }

  read(ids: readonly string[]): Promise<boolean> {
    return this.mark("read", { ids });
  }
  archive(ids: readonly string[]): Promise<boolean> {
    return this.mark("archived", { ids });
  }
  readAll(): Promise<boolean> {
    return this.#all("read");
  }
  seenAll(): Promise<boolean> {
    return this.#all("seen");
  }

  get #attached(): Sync<T> {
    if (!this.#sync) throw new TypeError("inbox: give it to connect() first.");
    return this.#sync;
  }

  async #all(mark: Mark): Promise<boolean> {
    const upTo = this.#attached.list.newest;
    const left = mark === "read" ? this.unread : this.unseen;
    return upTo === undefined || left === 0 || this.mark(mark, { upTo });
  }

  async #mark(mark: Mark, marked: Marked): Promise<boolean> {
    const taken = this.#attached.mark(mark, marked);
    if (!taken) this.#full = FULL;
    this.#change();
    return taken ?? false;
  }

  #item(item: Item): void {
    const { list } = this.#attached;
    if (item.type === "retract") return list.retract(item.collapse, item.cursor);
    const { type: _, ...rest } = item;
    list.add({ ...(rest as Omit<InboxItem<T>, "mark">), mark: null }, this.#replaying);
  }

  /** Listeners are called once for all changes of this turn. */
  #change(): void {
    this.#changed = true;
    if (this.#telling) return;
    this.#telling = true;
    queueMicrotask(() => {
      this.#telling = false;
      const before = this.#told;
      this.#told = this.state;
      if (before !== this.#told) for (const listener of this.#listeners) guarded(listener, this.#report!);
    });
  }
  #told = this.#state;

  #renew(): void {
    this.#changed = false;
    const before = this.#state;
    const sync = this.#attached;
    const { list } = sync;
    const { items, unread, unseen } = list.view(sync.pending);
    const same = items.length === before.items.length && items.every((item, at) => item === before.items[at]);
    const state: InboxState<T> = {
      items: same ? before.items : items,
      unread,
      unseen,
      more: list.more && list.size < MOST_ITEMS,
      loading: sync.loading,
      error: this.#full ?? sync.error,
    };
    const keys = ["items", "unread", "unseen", "more", "loading", "error"] as const;
    if (keys.some((key) => state[key] !== before[key])) this.#state = state;
  }
}
