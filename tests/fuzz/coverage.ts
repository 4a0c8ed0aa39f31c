import { Session, type Profiler } from "node:inspector";

/**
 * The blocks of our own code that ran, as V8 counts them, without instrumentation.
 */
export class Coverage {
  readonly #session = new Session();
  readonly #of: RegExp;
  readonly #places = new Set<string>();

  constructor(of: RegExp) {
    this.#of = of;
    this.#session.connect();
    this.#session.post("Profiler.enable");
    this.#session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  }

  get size(): number {
    return this.#places.size;
  }

  /** New blocks that ran since the last call. */
  fresh(): string[] {
    return this.#ran().filter((place) => !this.#places.has(place));
  }

  know(places: readonly string[]): void {
    for (const place of places) this.#places.add(place);
  }

  #ran(): string[] {
    return this.#take()
      .filter(({ url }) => this.#of.test(url))
      .flatMap(({ url, functions }) => functions.flatMap(({ ranges }) => ranges.map((range) => ({ url, ...range }))))
      .filter(({ count }) => count > 0)
      .map(({ url, startOffset, endOffset }) => `${url}:${startOffset}:${endOffset}`);
  }

  end(): void {
    this.#session.disconnect();
  }

  #take(): Profiler.ScriptCoverage[] {
    let result: Profiler.ScriptCoverage[] = [];
    // A session on its own thread calls back before it returns.
    this.#session.post("Profiler.takePreciseCoverage", (error, answer) => {
      if (error) throw error;
      result = answer.result;
    });
    return result;
  }
}
