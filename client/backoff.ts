import type { Timers } from "./wire.ts";

/** Full jitter: anything from nothing to a bound that doubles, so that those who lost a server together do not come back together. */
const FIRST_MS = 1_000;
const MOST_MS = 30_000;

export class Backoff {
  readonly #random: () => number;
  #tries = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  next(): number {
    const most = Math.min(MOST_MS, FIRST_MS * 2 ** this.#tries);
    this.#tries += 1;
    return this.#random() * most;
  }

  /** Never earlier than the server said, and not everybody at that moment. */
  after(seconds: number): number {
    return seconds * 1_000 + this.next();
  }

  reset(): void {
    this.#tries = 0;
  }
}

/** Resolves early where the signal is aborted. */
export function pause(ms: number, signal: AbortSignal, timers: Timers): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const done = (): void => {
      timers.clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = timers.setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}

/** What is promised, or undefined where the signal comes first: it may never come. */
export function unless<T>(signal: AbortSignal, promised: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const gone = (): void => resolve(undefined);
    if (signal.aborted) gone();
    else signal.addEventListener("abort", gone);
    promised.then(resolve, reject).finally(() => signal.removeEventListener("abort", gone));
  });
}

/** Calls back once nothing was heard for so long. */
export class Watchdog {
  readonly #timers: Timers;
  readonly #silent: () => void;
  #ms: number;
  #timer: unknown;

  constructor(timers: Timers, ms: number, silent: () => void) {
    this.#timers = timers;
    this.#ms = ms;
    this.#silent = silent;
    this.heard();
  }

  /** Two heartbeats may be missing (R42), and half of one is for the way. */
  expect(heartbeatSeconds: number): void {
    this.#ms = heartbeatSeconds * 2_500;
  }

  heard(): void {
    this.stop();
    this.#timer = this.#timers.setTimeout(this.#silent, this.#ms);
  }

  /** While we do not read, silence is our own. */
  stop(): void {
    this.#timers.clearTimeout(this.#timer);
  }
}
