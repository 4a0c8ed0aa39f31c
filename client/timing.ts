import type { Timers } from "./api.ts";

/**
 * Full jitter: a random delay up to a bound that doubles. Clients that lost a server together do not return together.
 */
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

/** Calls back when one of the signals is aborted, or already is. Returns a function that stops it. */
export function onAbort(signals: readonly AbortSignal[], call: () => void): () => void {
  for (const signal of signals) {
    signal.addEventListener("abort", call);
    // A signal reports only later aborts.
    if (signal.aborted) call();
  }
  return () => signals.forEach((signal) => signal.removeEventListener("abort", call));
}

/** Resolves early if one of the signals is aborted. */
export async function pause(ms: number, signals: readonly AbortSignal[], timers: Timers): Promise<void> {
  let timer: unknown;
  let off: (() => void) | undefined;
  await new Promise<void>((resolve) => {
    timer = timers.setTimeout(resolve, ms);
    off = onAbort(signals, resolve);
  });
  timers.clearTimeout(timer);
  off!();
}

/** Calls back after a time of silence. */
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

  /** Sets the time of silence, from now on. */
  expect(ms: number): void {
    this.#ms = ms;
    this.heard();
  }

  heard(): void {
    this.within(this.#ms);
  }

  /** Sets the time of silence for this once. */
  within(ms: number): void {
    this.stop();
    this.#timer = this.#timers.setTimeout(this.#silent, ms);
  }

  /** While we do not read, the silence is our own. */
  stop(): void {
    this.#timers.clearTimeout(this.#timer);
  }
}

/** The longest wait of a timer. */
export const NEVER_MS = 2 ** 31 - 1;
const HEARTBEAT_SECONDS = 15;

/** ms between two heartbeats of the server (R42). */
export const heartbeatMs = (seconds: unknown): number =>
  (Number(seconds) > 0 ? Number(seconds) : HEARTBEAT_SECONDS) * 1_000;
