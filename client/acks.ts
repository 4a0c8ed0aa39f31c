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

/** Acknowledgements: cumulative, a few a second. Saved before they are sent: what the server forgets, we have not forgotten. */
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

  /** A cursor that a new connection starts with is itself an acknowledgement, of all before it. */
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

  /** Saves and sends what was handled. Never rejects: what fails is tried again. */
  async flush(): Promise<void> {
    this.stop();
    this.#count = 0;
    while (this.#running) await this.#running;
    this.#running = this.#flush();
    await this.#running;
    this.#running = undefined;
  }

  /** What a connection that ends by our own will could not say. */
  get pending(): Cursor | undefined {
    return this.#handled === this.#acked ? undefined : this.#handled;
  }

  /** The cursor is another's, or of a topic that is no more: it must not be sent where it is not known. */
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
