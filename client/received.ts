import type { Cursor, Timers } from "./api.ts";
import type { Item } from "./protocol.ts";
import { type Backoff, pause } from "./timing.ts";
import { LATE } from "./callbacks.ts";

/** With this many waiting, a transport stops reading. One that cannot stop ends at the second limit. */
const ROOM = 256;
const OVERFULL = 4_096;
const SLOW_MS = 60_000;

export interface ReceivedOptions {
  handle(item: Item): unknown;
  handled(cursor: Cursor): void;
  /**
   * The handler failed and is tried again, or it has been running for long (LATE). Later notifications wait in order.
   */
  failed(error: unknown, item: Item, attempts: number): void;
  backoff: Backoff;
  timers: Timers;
}

/** Received notifications and retracts that are not handled yet. They are handled one at a time, in order, each once. */
export class Received {
  readonly #options: ReceivedOptions;
  readonly #stopped = new AbortController();
  #queue: Item[] = [];
  #waiters: (() => void)[] = [];
  #work: Promise<void> | undefined;
  #resets = 0;
  /** Calls of the handler with the first notification of the queue. */
  #attempts = 0;
  /** The handler runs in this very turn, and calls us. */
  inHandler = false;
  /** Received up to here: a notification at or before it is a duplicate. */
  #received: Cursor = "";
  /** Handled up to here: a connection resumes from it. */
  cursor: Cursor | undefined;

  constructor(options: ReceivedOptions, cursor: Cursor | undefined) {
    this.#options = options;
    this.cursor = cursor;
    this.#received = cursor ?? "";
  }

  add(item: Item): void {
    if (typeof item.cursor !== "string") throw new TypeError("no cursor");
    if (item.cursor <= this.#received) return;
    this.#received = item.cursor;
    this.#queue.push(item);
    this.#work ??= this.#run();
  }

  /** The server resumes elsewhere. The waiting notifications come again, if they are still ours. */
  reset(cursor: Cursor): void {
    this.#resets += 1;
    this.#attempts = 0;
    this.#queue = [];
    this.#received = cursor;
    this.cursor = cursor;
    this.#wake();
  }

  get overfull(): boolean {
    return this.#queue.length > OVERFULL;
  }

  room(): Promise<void> {
    return this.#below(ROOM);
  }

  empty(): Promise<void> {
    return this.#below(1);
  }

  /** Starts no further handler. Resolves when the running one has ended. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#queue = this.#queue.slice(0, 1);
    this.#wake();
    await this.#work;
  }

  async #run(): Promise<void> {
    const options = this.#options;
    for (let next = this.#queue[0]; next && !this.#stopped.signal.aborted; next = this.#queue[0]) {
      const resets = this.#resets;
      this.#attempts += 1;
      try {
        await this.#handle(next);
        options.backoff.reset();
      } catch (error) {
        options.failed(error, next, this.#attempts);
        await pause(options.backoff.next(), [this.#stopped.signal], options.timers);
        continue;
      }
      this.#attempts = 0;
      if (resets !== this.#resets) continue;
      this.#queue.shift();
      this.cursor = next.cursor;
      options.handled(next.cursor);
      this.#wake();
    }
    this.#work = undefined;
  }

  async #handle(item: Item): Promise<void> {
    const options = this.#options;
    this.inHandler = true;
    let result: unknown;
    try {
      result = options.handle(item);
    } finally {
      this.inHandler = false;
    }
    if (typeof (result as PromiseLike<unknown> | undefined)?.then !== "function") return;
    const timer = options.timers.setTimeout(() => options.failed(LATE, item, this.#attempts), SLOW_MS);
    try {
      await result;
    } finally {
      options.timers.clearTimeout(timer);
    }
  }

  async #below(below: number): Promise<void> {
    while (this.#queue.length >= below) await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  #wake(): void {
    for (const resolve of this.#waiters.splice(0)) resolve();
  }
}
