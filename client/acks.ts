import type { Cursor, Timers } from "./api.ts";
import { Backoff } from "./timing.ts";

const LINGER_MS = 100;
const MOST = 64;

export interface AcksOptions {
  /** Keeps the cursor for the next start. */
  save(cursor: Cursor): Promise<unknown>;
  failed(error: unknown): void;
  random: () => number;
  timers: Timers;
}

type Send = (cursor: Cursor) => void | Promise<void>;

/** Acknowledgements: cumulative, a few a second. Saved before they are sent, because the server may lose a cursor. */
export class Acks {
  readonly #options: AcksOptions;
  readonly #backoff: Backoff;
  #send: Send | undefined;
  #handled: Cursor | undefined;
  #saved: Cursor | undefined;
  #acked: Cursor | undefined;
  #count = 0;
  #timer: unknown;
  #running: Promise<void> | undefined;
  #ended = false;

  constructor(options: AcksOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.random);
  }

  /** The cursor that a new connection starts with acknowledges everything before it. */
  by(send: Send | undefined): void {
    this.#send = send;
    if (!send || this.pending === undefined) return;
    this.stop();
    this.#soon(LINGER_MS);
  }

  handled(cursor: Cursor): void {
    this.#handled = cursor;
    this.#count += 1;
    if (this.#count >= MOST) void this.flush();
    else this.#soon(LINGER_MS);
  }

  /** Saves and sends the handled cursor. Never rejects: a failure is tried again. */
  async flush(): Promise<void> {
    this.stop();
    this.#count = 0;
    while (this.#running) await this.#running;
    this.#running = this.#flush();
    await this.#running;
    this.#running = undefined;
  }

  /** The cursor that a connection closed by us could not send. */
  get pending(): Cursor | undefined {
    return this.#handled === this.#acked ? undefined : this.#handled;
  }

  /** The cursor belongs to another client, or to a topic that no longer exists. It must not be sent. */
  reset(): void {
    this.stop();
    this.#handled = this.#acked;
  }

  stop(): void {
    this.#options.timers.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** A handler that returns later saves no cursor: the application may have connected again. */
  end(): void {
    this.#ended = true;
    this.stop();
  }

  async #flush(): Promise<void> {
    const cursor = this.#handled;
    const send = this.#send;
    try {
      if (cursor !== undefined && cursor !== this.#saved) {
        await this.#options.save(cursor);
        this.#saved = cursor;
      }
      if (cursor !== undefined && cursor !== this.#acked && send) {
        await send(cursor);
        this.#acked = cursor;
      }
      this.#backoff.reset();
    } catch (error) {
      // A connection that ended aborts its own requests.
      if (send === this.#send) this.#options.failed(error);
      this.#soon(this.#backoff.next());
    }
  }

  #soon(ms: number): void {
    if (!this.#ended) this.#timer ??= this.#options.timers.setTimeout(() => void this.flush(), ms);
  }
}
