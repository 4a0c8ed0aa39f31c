import { randomUUID } from "node:crypto";
import type { Tracer } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
  type Sampler,
} from "@opentelemetry/sdk-trace";
import { BoundedSpans, type SpanReports } from "./bounded-spans.ts";
import type { TracingSettings } from "./settings.ts";

/** Only `openTracing` imports this file, and only if traces are exported: the SDK costs 0.1 s of the start and 6 MB. */
export function createProvider(
  service: string,
  url: string,
  settings: TracingSettings & { NAMESPACE: string },
  reports: SpanReports,
): { getTracer(name: string): Tracer; shutdown(): Promise<void> } {
  const exporter = new OTLPTraceExporter({
    url,
    headers: { ...settings.OTEL_EXPORTER_OTLP_HEADERS, ...settings.OTEL_EXPORTER_OTLP_TRACES_HEADERS },
    timeoutMillis: settings.OTEL_EXPORTER_OTLP_TIMEOUT,
  });
  const spans = new BoundedSpans(exporter, settings.OTEL_BSP_MAX_QUEUE_SIZE, reports);
  const batches = new BatchSpanProcessor({
    exporter: spans.exporter,
    maxQueueSize: settings.OTEL_BSP_MAX_QUEUE_SIZE,
    maxExportBatchSize: Math.min(settings.OTEL_BSP_MAX_EXPORT_BATCH_SIZE, settings.OTEL_BSP_MAX_QUEUE_SIZE),
    scheduledDelayMillis: settings.OTEL_BSP_SCHEDULE_DELAY,
    // The exporter's own time is over first, and says why.
    exportTimeoutMillis: settings.OTEL_EXPORTER_OTLP_TIMEOUT + 1_000,
  });
  const resource = resourceFromAttributes({
    "service.namespace": settings.NAMESPACE,
    "service.instance.id": randomUUID(),
    ...settings.OTEL_RESOURCE_ATTRIBUTES,
    "service.name": settings.OTEL_SERVICE_NAME ?? settings.OTEL_RESOURCE_ATTRIBUTES["service.name"] ?? service,
  });
  return new TracerProvider({ resource, sampler: samplerOf(settings), spanProcessors: [spans.before(batches)] });
}

function samplerOf({ OTEL_TRACES_SAMPLER: name, OTEL_TRACES_SAMPLER_ARG: ratio }: TracingSettings): Sampler {
  switch (name) {
    case "always_on":
      return new AlwaysOnSampler();
    case "always_off":
      return new AlwaysOffSampler();
    case "traceidratio":
      return new TraceIdRatioBasedSampler(ratio);
    case "parentbased_always_on":
      return new ParentBasedSampler({ root: new AlwaysOnSampler() });
    case "parentbased_always_off":
      return new ParentBasedSampler({ root: new AlwaysOffSampler() });
    case "parentbased_traceidratio":
      return new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) });
  }
}
