/** Least time in ms between the starts of two fetches, if the first returned records. */
const FETCH_MS = 4;

/**
 * A fetch costs the broker and the client about the same, whatever it returns. A client that asks again at once gets a
 * single record each time. Records that come after a pause are fetched at once.
 */
export class FetchThrottle {
  readonly #everyMs: number;
  #began = -Infinity;
  #over: Promise<void> | undefined;

  constructor(everyMs = FETCH_MS) {
    this.#everyMs = everyMs;
  }

  /** A fetch begins. `now`: ms. */
  began(now: number): void {
    this.#began = now;
    this.#over = undefined;
  }

  /** Resolves when the next fetch may begin. One timer serves all partitions of the last fetch. */
  over(now: number): Promise<void> | undefined {
    const left = this.#began + this.#everyMs - now;
    // A shorter timer takes longer than its delay.
    if (left < 0.5) return undefined;
    return (this.#over ??= new Promise((resolve) => setTimeout(resolve, left)));
  }
}
