import type { Timers } from "./api.ts";

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

  reset(): void {
    this.#tries = 0;
  }
}

/** Resolves early where one of the signals is aborted. */
export function pause(ms: number, signals: readonly AbortSignal[], timers: Timers): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      timers.clearTimeout(timer);
      for (const signal of signals) signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = timers.setTimeout(done, ms);
    for (const signal of signals) signal.addEventListener("abort", done);
    // A signal tells only of what comes.
    if (signals.some(({ aborted }) => aborted)) done();
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

  /** From now on so long. */
  expect(ms: number): void {
    this.#ms = ms;
    this.heard();
  }

  heard(): void {
    this.within(this.#ms);
  }

  /** This once so long. */
  within(ms: number): void {
    this.stop();
    this.#timer = this.#timers.setTimeout(this.#silent, ms);
  }

  /** While we do not read, silence is our own. */
  stop(): void {
    this.#timers.clearTimeout(this.#timer);
  }
}

const HEARTBEAT_SECONDS = 15;

/** ms between two heartbeats of the server (R42). */
export const heartbeatMs = (seconds: unknown): number =>
  (Number(seconds) > 0 ? Number(seconds) : HEARTBEAT_SECONDS) * 1_000;
