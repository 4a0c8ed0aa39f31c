import type { ReadableSpan, SpanExporter, SpanProcessor } from "@opentelemetry/sdk-trace";
import type { SpanResult } from "./open-tracing.ts";

export interface SpanReports {
  count(result: SpanResult, spans: number): void;
  /** Called once for each outage of the collector. */
  failed(error: unknown): void;
}

/** ExportResultCode.SUCCESS of a package that only the SDK depends on. */
const SUCCESS = 0;

/**
 * Bounds and counts the spans between their end and the collector's answer. The SDK's batch processor has a bound, too,
 * but it tells only a log how many spans it dropped, and spans of a running export are above it.
 */
export class BoundedSpans {
  /** Counts the result of each export. */
  readonly exporter: SpanExporter;
  readonly #most: number;
  readonly #reports: SpanReports;
  #waiting = 0;
  #away = false;

  constructor(exporter: SpanExporter, most: number, reports: SpanReports) {
    this.#most = most;
    this.#reports = reports;
    this.exporter = {
      export: (spans, done) =>
        exporter.export(spans, (result) => {
          this.#waiting -= spans.length;
          this.#answered(result.code === SUCCESS, spans.length, result.error);
          done(result);
        }),
      shutdown: () => exporter.shutdown(),
    };
  }

  /** Passes at most `most` spans to the next processor. */
  before(next: SpanProcessor): SpanProcessor {
    return {
      onStart() {},
      onEnd: (span: ReadableSpan) => {
        if (this.#waiting >= this.#most) {
          this.#reports.count("dropped", 1);
          return;
        }
        this.#waiting += 1;
        next.onEnd(span);
      },
      forceFlush: () => next.forceFlush(),
      shutdown: () => next.shutdown(),
    };
  }

  #answered(taken: boolean, spans: number, error: unknown): void {
    this.#reports.count(taken ? "exported" : "failed", spans);
    if (!taken && !this.#away) this.#reports.failed(error);
    this.#away = !taken;
  }
}
