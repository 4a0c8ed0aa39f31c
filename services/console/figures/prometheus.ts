import { z } from "zod";
import { Failure } from "@saasaparilla/shared/runtime/errors.ts";
import { QUERIES, type FiguresAnswer } from "./rates.ts";

const HOUR = 3_600;
const STEP = 15;
const PATIENCE_MS = 5_000;
/** All pages share one answer for this time. */
const KEPT_MS = 5_000;

const matrix = z.object({
  data: z.object({ result: z.array(z.object({ values: z.array(z.tuple([z.number(), z.string()])) })) }),
});
const vector = z.object({
  data: z.object({
    result: z.array(z.object({ metric: z.record(z.string(), z.string()), value: z.tuple([z.number(), z.string()]) })),
  }),
});

/** The same figures from a Prometheus server. */
export class Prometheus {
  readonly #url: URL;
  #kept: { at: number; answer: Promise<FiguresAnswer> } | undefined;

  constructor(url: string) {
    this.#url = new URL(url.endsWith("/") ? url : `${url}/`);
  }

  figures(): Promise<FiguresAnswer> {
    const now = performance.now();
    if (!this.#kept || now - this.#kept.at > KEPT_MS) {
      const answer = this.#read();
      answer.catch(() => (this.#kept = undefined));
      this.#kept = { at: now, answer };
    }
    return this.#kept.answer;
  }

  async #read(): Promise<FiguresAnswer> {
    const end = Math.floor(Date.now() / 1_000 / STEP) * STEP;
    const times = Array.from({ length: HOUR / STEP }, (_, at) => end - HOUR + (at + 1) * STEP);
    const range = { start: String(times[0]), end: String(end), step: String(STEP) };
    const [connections, ...found] = await Promise.all([
      this.#ask("query", { query: "sum by (transport) (connections)" }, vector),
      ...Object.entries(QUERIES).map(async ([name, query]) => {
        const { data } = await this.#ask("query_range", { query, ...range }, matrix);
        const values = new Map(data.result[0]?.values.map(([at, value]) => [at, Number(value)]));
        return [name, times.map((at) => finite(values.get(at)))] as const;
      }),
    ]);
    return {
      source: "Prometheus",
      times,
      series: Object.fromEntries(found),
      connections: Object.fromEntries(
        connections.data.result.map(({ metric, value: [, value] }) => [metric.transport ?? "", Number(value)]),
      ),
    };
  }

  async #ask<T>(what: string, query: Record<string, string>, schema: z.ZodType<T>): Promise<T> {
    const url = new URL(`api/v1/${what}?${new URLSearchParams(query)}`, this.#url);
    const response = await fetch(url, { signal: AbortSignal.timeout(PATIENCE_MS) });
    if (!response.ok) throw new Failure("retry", `Prometheus answered ${response.status} to a query.`);
    return schema.parse(await response.json());
  }
}

const finite = (value: number | undefined): number | null =>
  value !== undefined && Number.isFinite(value) ? value : null;
