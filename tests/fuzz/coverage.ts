import { Session, type Profiler } from "node:inspector";

/**
 * Which blocks of our own code ran, as V8 counts them: nothing is instrumented.
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

  /** What has run since it was asked last, and is not known. */
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
    // To a session of one's own thread it calls back before it returns.
    this.#session.post("Profiler.takePreciseCoverage", (error, answer) => {
      if (error) throw error;
      result = answer.result;
    });
    return result;
  }
}
