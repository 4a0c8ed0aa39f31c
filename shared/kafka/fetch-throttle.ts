/** ms between the beginnings of two fetches, at least, where the first brought something. */
const FETCH_MS = 4;

/**
 * A fetch costs the broker and the client much the same, whatever it brings, and a client that asks again at once is brought a
 * single record each time. What comes after a rest is had at once.
 */
export class FetchThrottle {
  #began = -Infinity;
  #over: Promise<void> | undefined;

  /** A fetch begins. `now`: ms. */
  began(now: number): void {
    this.#began = now;
    this.#over = undefined;
  }

  /** Resolves when the next fetch may begin: one timer for all partitions that the last one brought. */
  over(now: number): Promise<void> | undefined {
    const left = this.#began + FETCH_MS - now;
    // A timer that is shorter takes longer than it says.
    if (left < 0.5) return undefined;
    return (this.#over ??= new Promise((resolve) => setTimeout(resolve, left)));
  }
}
