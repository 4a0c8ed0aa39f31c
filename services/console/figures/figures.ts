import type { Instances, Reading } from "./instances.ts";
import type { Prometheus } from "./prometheus.ts";
import { FIGURES, Rates, type FiguresAnswer, type Point } from "./rates.ts";

/** While somebody looks, the services are read this often. */
const EVERY_MS = 5_000;
/** Nobody looks any more after this time without a request. */
const REST_MS = 60_000;
/** One hour. */
const MOST_POINTS = 720;

interface Parts {
  instances: Instances;
  /** Without it, figures come from the services themselves. */
  prometheus: Prometheus | undefined;
  failed: (error: unknown) => void;
}

/** Figures of the last hour, in memory. Reading starts with the first request and rests when requests end. */
export class Figures {
  readonly #parts: Parts;
  readonly #rates = new Rates();
  readonly #points: Point[] = [];
  #readings: Reading[] = [];
  #reading: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #askedAt = -Infinity;
  #readAt = -Infinity;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async figures(): Promise<FiguresAnswer> {
    if (this.#parts.prometheus) return this.#parts.prometheus.figures();
    await this.#fresh();
    const series = Object.fromEntries(
      FIGURES.map((name) => [name, this.#points.map(({ values }) => values[name] ?? null)]),
    );
    return {
      source: "the services' metrics",
      times: this.#points.map(({ at }) => at),
      series,
      connections: this.#points.at(-1)?.connections ?? {},
    };
  }

  async readings(): Promise<readonly Reading[]> {
    await this.#fresh();
    return this.#readings;
  }

  end(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async #fresh(): Promise<void> {
    this.#askedAt = performance.now();
    this.#timer ??= setInterval(() => this.#tick(), EVERY_MS).unref();
    if (performance.now() - this.#readAt >= EVERY_MS) await this.#read();
  }

  #tick(): void {
    if (performance.now() - this.#askedAt > REST_MS) this.end();
    else this.#read().catch((error: unknown) => this.#parts.failed(error));
  }

  /** One read at a time. */
  #read(): Promise<void> {
    this.#reading ??= this.#readNow().finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  async #readNow(): Promise<void> {
    this.#readings = await this.#parts.instances.read();
    this.#readAt = performance.now();
    this.#points.push(this.#rates.point(this.#readings, this.#readAt / 1_000, Math.floor(Date.now() / 1_000)));
    if (this.#points.length > MOST_POINTS) this.#points.shift();
  }
}
