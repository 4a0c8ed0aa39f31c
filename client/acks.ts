import type { Cursor, Timers } from "./wire.ts";

const LINGER_MS = 100;
const MOST = 64;
const AGAIN_MS = 1_000;

export interface AcksOptions {
  /** Keeps the cursor for the next start. */
  save(cursor: Cursor): void | Promise<void>;
  failed(error: unknown): void;
  timers: Timers;
}

/** Acknowledgements: cumulative, a few a second. Saved before they are sent: what the server forgets, we have not forgotten. */
export class Acks {
  readonly #options: AcksOptions;
  #send: ((cursor: Cursor) => void | Promise<void>) | undefined;
  #handled: Cursor | undefined;
  #saved: Cursor | undefined;
  #acked: Cursor | undefined;
  #count = 0;
  #timer: unknown;
  #running: Promise<void> | undefined;

  constructor(options: AcksOptions) {
    this.#options = options;
  }

  /** A cursor that a new connection starts with is itself an acknowledgement, of all before it. */
  by(send: ((cursor: Cursor) => void | Promise<void>) | undefined): void {
    this.#send = send;
    if (send && this.#handled !== this.#acked) this.#soon(LINGER_MS);
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

  async #flush(): Promise<void> {
    const cursor = this.#handled;
    try {
      if (cursor !== undefined && cursor !== this.#saved) {
        await this.#options.save(cursor);
        this.#saved = cursor;
      }
      if (cursor !== undefined && cursor !== this.#acked && this.#send) {
        await this.#send(cursor);
        this.#acked = cursor;
      }
    } catch (error) {
      this.#options.failed(error);
      this.#soon(AGAIN_MS);
    }
  }

  #soon(ms: number): void {
    this.#timer ??= this.#options.timers.setTimeout(() => void this.flush(), ms);
  }
}
