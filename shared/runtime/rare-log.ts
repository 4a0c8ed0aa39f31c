const EVERY_MS = 60_000;

/** Limits a log line that bad input can cause at any rate. It writes the first at once, then one a minute. */
export class RareLog {
  readonly #now: () => number;
  #after = Number.NEGATIVE_INFINITY;
  #silent = 0;

  /** `now`: ms, monotonic. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** `silent`: how many were left out since the last line. */
  say(write: (silent: number) => void): void {
    const now = this.#now();
    if (now < this.#after) {
      this.#silent += 1;
      return;
    }
    write(this.#silent);
    this.#silent = 0;
    this.#after = now + EVERY_MS;
  }
}
