import type { Lifecycle } from "#runtime/lifecycle.ts";
import type { Log } from "#runtime/log.ts";
import { meters, type Registry } from "#runtime/metrics.ts";
import { withTimeout } from "#runtime/timeout.ts";
import { traceWith } from "./spans.ts";
import { tracesEndpoint, type TracingSettings } from "./settings.ts";

export interface TracingParts {
  service: string;
  settings: TracingSettings & { NAMESPACE: string };
  lifecycle: Pick<Lifecycle, "onEnd">;
  registry: Registry;
  log: Pick<Log, "info" | "warn">;
}

/** What became of finished spans. `failed`: the collector did not take them. `dropped`: the queue was full. */
export type SpanResult = "exported" | "dropped" | "failed";

const END_MS = 3_000;

let dropped: (() => void) | undefined;

/** For a span that cannot be made, because a bound is reached. */
export function spanDropped(): void {
  dropped?.();
}

/** Exports spans if the settings name a collector. Otherwise the SDK is not even loaded. */
export async function openTracing({ service, settings, lifecycle, registry, log }: TracingParts): Promise<void> {
  const spans: Record<SpanResult, number> = { exported: 0, dropped: 0, failed: 0 };
  meters(registry).counts(
    "trace_spans_total",
    "Spans of sampled notifications, by result: exported, dropped (the queue was full) or failed (the collector did not take them).",
    ["result"],
    () => Object.entries(spans).map(([result, count]) => ({ result, count })),
  );
  const url = tracesEndpoint(settings);
  if (url === undefined) return;
  dropped = () => (spans.dropped += 1);
  const { createProvider } = await import("./exporter.ts");
  const provider = createProvider(service, url, settings, {
    count(result, number) {
      spans[result] += number;
    },
    failed: (error) => log.warn({ err: error }, "the collector took no traces: services continue without them"),
  });
  const begins = !settings.OTEL_TRACES_SAMPLER.endsWith("always_off");
  traceWith(provider.getTracer("saasaparilla-notifications"), { begins });
  lifecycle.onEnd("traces", async () => {
    traceWith(undefined);
    // A collector that is away must not delay the end of a service. Its spans are counted as failed.
    await withTimeout(END_MS, provider.shutdown());
  });
  log.info({ collector: new URL(url).origin, sampler: settings.OTEL_TRACES_SAMPLER }, "traces are exported");
}
