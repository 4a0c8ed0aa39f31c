import type { InboxError, Mark, Marked, Options, Timers } from "./api.ts";
import { type Answer, type Counts, List, MOST_ITEMS } from "./inbox-list.ts";
import type { MarkRequest } from "./inbox-marks.ts";
import { type PendingMessage, PendingMarks } from "./inbox-pending.ts";
import { Refused, Requests } from "./inbox-requests.ts";
import { nameOf, Tabs } from "./inbox-tabs.ts";
import { Backoff, onAbort, pause } from "./timing.ts";

const PAGE = 50;
/** A tab can get the lock before it hears the list of the tab that had it. */
const HEARD_MS = 200;
/** Until the list is asked for again: by the number of answers without something that was heard. */
const MISSED_MS = [2_000, 1_000, 4_000, 16_000];

/** What tabs tell one another. A list, or older items, that one asked for serve all. */
type Message<T> =
  | { about: "opened" }
  | { about: "asking" }
  | { about: "list"; answer: Answer<T> }
  | { about: "older"; answer: Answer<T>; before: string }
  | PendingMessage;

interface SyncOptions {
  url: string;
  client?: string;
  token: Options["token"];
  random: () => number;
  timers: Timers;
  signal: AbortSignal;
}

/** Keeps the list of this tab the same as those of the server and of the other tabs. */
export class Sync<T> {
  list = new List<T>();
  readonly #change: () => void;
  readonly #options: SyncOptions;
  readonly #requests: Requests;
  readonly #marks = new PendingMarks((message) => this.#tabs?.post(message));
  #tabs: Tabs<Message<T>> | undefined;
  #name: string | undefined;
  /** The list is older than the connection. */
  #needed = false;
  /** Another tab is asking, since this one needs it. */
  #served = false;
  #reloading: Promise<void> | undefined;
  #older: Promise<void> | undefined;
  #sending: Promise<void> | undefined;
  #timer: unknown;
  #hurry = new AbortController();
  #heard = new AbortController();
  #answered = false;
  error: InboxError | undefined;

  constructor(change: () => void, options: SyncOptions) {
    this.#change = change;
    this.#options = options;
    this.#requests = new Requests(options.url, options);
    onAbort([options.signal], () => void this.#end());
  }

  get loading(): boolean {
    return !!this.#reloading || !!this.#older || (!this.#answered && !this.error);
  }

  get pending(): readonly MarkRequest[] {
    return this.#marks.requests;
  }

  /** The connection's token: it names the user, whose tabs share this state. */
  accepted(token: string): void {
    if (token === this.#requests.accepted) return;
    this.#requests.accepted = token;
    const name = nameOf(this.#options.url, token, this.#options.client);
    if (name === this.#name) return;
    // Another user: nothing of the one before may stay.
    if (this.#answered || this.#name !== undefined) this.#forget();
    this.#tabs?.close();
    this.#name = name;
    this.#tabs = name === undefined ? undefined : new Tabs(name, (message) => this.#hear(message));
    this.#tabs?.post({ about: "opened" });
  }

  need(): void {
    this.#needed = true;
    this.#served = false;
  }

  /** The list of an earlier connection lacks what was marked meanwhile. */
  live(): void {
    if (!this.#needed) return;
    this.#hurry.abort();
    this.#hurry = new AbortController();
    void this.#load();
    if (this.#marks.next) void this.#send();
  }

  /** Resolves once the list was loaded, or refused. Temporary failures are tried again. */
  reload(): Promise<void> {
    this.need();
    return this.#load();
  }

  #load(): Promise<void> {
    this.#reloading ??= this.#reload().then(async () => {
      this.#reloading = undefined;
      // Needed again after the last look.
      if (this.#needed && !this.#options.signal.aborted) await this.#load();
      this.#change();
    });
    return this.#reloading;
  }

  more(): Promise<void> {
    this.#older ??= this.#more().finally(() => {
      this.#older = undefined;
      this.#change();
    });
    return this.#older;
  }

  /** Undefined if too many wait. */
  mark(mark: Mark, marked: Marked): Promise<boolean> | undefined {
    const taken = this.#marks.add(mark, marked);
    void this.#send();
    return taken;
  }

  /** Asks again soon, if the list may differ from the server's. */
  settle(): void {
    const { misses, doubtful } = this.list;
    const wait = misses > 0 ? MISSED_MS[misses]! : doubtful ? MISSED_MS[0]! : undefined;
    const { timers, signal } = this.#options;
    if (wait === undefined || this.#timer !== undefined || signal.aborted) return;
    this.#timer = timers.setTimeout(() => {
      this.#timer = undefined;
      void this.reload();
    }, wait);
  }

  async #reload(): Promise<void> {
    await this.#persist("list", async () => {
      if (this.#served) {
        this.#heard = new AbortController();
        const { signal, timers } = this.#options;
        await pause(HEARD_MS, [signal, this.#heard.signal], timers);
      }
      // Another tab has done it meanwhile.
      if (!this.#needed) return false;
      this.#needed = false;
      this.#tabs?.post({ about: "asking" });
      try {
        const { list } = this;
        const limit = Math.min(MOST_ITEMS, Math.max(PAGE, list.size));
        const answer = await this.#requests.list<T>(limit);
        // It is that of another user.
        if (list !== this.list) return true;
        this.#tabs?.post({ about: "list", answer });
        this.#take(answer, false);
      } catch (error) {
        this.#needed = refusedBy(error).temporary;
        throw error;
      }
      return this.#needed;
    });
  }

  /** Not repeated: the user asks again. */
  async #more(): Promise<void> {
    this.#change();
    try {
      // A list that came meanwhile may begin its older items elsewhere.
      for (let attempt = 0; attempt < 3 && this.list.more; attempt += 1) {
        const { list } = this;
        const before = list.oldest;
        if (before === undefined) return;
        const answer = await this.#requests.list<T>(Math.min(PAGE, MOST_ITEMS - list.size), before);
        this.error = undefined;
        if (list !== this.list || list.oldest !== before) continue;
        list.append(answer, before);
        this.#tabs?.post({ about: "older", answer, before });
        return;
      }
    } catch (error) {
      this.error = refusedBy(error).shown;
    }
  }

  #send(): Promise<void> {
    this.#sending ??= this.#persist("marks", async () => {
      const next = this.#marks.next;
      if (!next) return false;
      this.#marks.sending = next.key;
      try {
        const counts = await this.#requests.mark(next.request);
        this.#settled(next.key, counts);
        this.#tabs?.post({ about: "settled", key: next.key, counts });
      } catch (error) {
        if (refusedBy(error).temporary) throw error;
        this.error = refusedBy(error).shown;
        this.#settled(next.key, undefined);
        this.#tabs?.post({ about: "settled", key: next.key });
      } finally {
        this.#marks.sending = undefined;
      }
      return true;
    }).then(async () => {
      this.#sending = undefined;
      // Marked after the last look.
      if (this.#marks.next && !this.#options.signal.aborted) await this.#send();
    });
    return this.#sending;
  }

  /** Repeats while `run` says so, and after temporary failures, until the connection is closed. */
  async #persist(what: string, run: () => Promise<boolean>): Promise<void> {
    const { random, timers, signal } = this.#options;
    const backoff = new Backoff(random);
    this.#change();
    for (;;) {
      try {
        const again = await (this.#tabs ? this.#tabs.inTurn(what, run) : run());
        backoff.reset();
        if (!again) return;
      } catch (error) {
        if (signal.aborted) return;
        const refused = refusedBy(error);
        this.error = refused.shown;
        this.#change();
        if (!refused.temporary) return;
        await pause(refused.retryAfter * 1_000, [signal], timers);
        await pause(backoff.next(), [signal, this.#hurry.signal], timers);
      }
      if (what === "list" && signal.aborted) return;
    }
  }

  #take(answer: Answer<T>, shorter: boolean): void {
    this.list.replace(answer, shorter);
    this.#answered = true;
    this.error = undefined;
    this.settle();
    this.#change();
  }

  #settled(key: string, counts: Counts | undefined): void {
    const request = this.#marks.settle(key, !!counts);
    if (request && counts) this.list.mark(request, counts);
    if (counts) this.error = undefined;
    this.settle();
    this.#change();
  }

  #hear(message: Message<T>): void {
    if (message.about === "opened") this.#marks.tellAll();
    else if (message.about === "asking") this.#served = this.#needed;
    else if (message.about === "list") {
      const shorter = message.answer.items.length < this.list.size;
      if (this.#served && !(shorter && message.answer.more)) this.#needed = false;
      this.#served = false;
      this.#heard.abort();
      this.#take(message.answer, shorter);
    } else if (message.about === "older") this.list.append(message.answer, message.before);
    else if (message.about === "marked") {
      this.#marks.take(message.pending, message.instead);
      void this.#send();
    } else this.#settled(message.key, message.counts);
    this.#change();
  }

  #forget(): void {
    this.list = new List();
    for (let next = this.#marks.next; next; next = this.#marks.next) this.#marks.settle(next.key, false);
    this.#answered = false;
    this.error = undefined;
    this.need();
  }

  /** The user's last marks are sent once, not repeated. */
  async #end(): Promise<void> {
    this.#options.timers.clearTimeout(this.#timer);
    this.#hurry.abort();
    if (this.#marks.next) await this.#send();
    for (let next = this.#marks.next; next; next = this.#marks.next) this.#marks.settle(next.key, false);
    this.#tabs?.close();
    this.#change();
  }
}

const refusedBy = (error: unknown): Refused =>
  error instanceof Refused ? error : new Refused("unreachable", String(error), { temporary: true });
