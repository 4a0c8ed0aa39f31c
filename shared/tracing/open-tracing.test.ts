import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { BatchSpanProcessor, TracerProvider, type ReadableSpan, type SpanExporter } from "@opentelemetry/sdk-trace";
import { expect, test } from "vitest";
import { BoundedSpans } from "./bounded-spans.ts";
import type { SpanResult } from "./open-tracing.ts";

/** The SDK's files that a process loads, which opens traces with this environment. */
function loadedSdk(env: Record<string, string>): string[] {
  const here = (file: string): string => JSON.stringify(join(import.meta.dirname, file));
  const script = `
    import { registerHooks } from "node:module";
    const loaded = [];
    registerHooks({ load(url, context, next) { loaded.push(url); return next(url, context); } });
    const { openTracing } = await import(${here("open-tracing.ts")});
    const { tracingSettings } = await import(${here("settings.ts")});
    const { createRegistry } = await import(${here("../runtime/metrics.ts")});
    const { isTraced } = await import(${here("spans.ts")});
    const settings = { ...tracingSettings.parse(process.env), NAMESPACE: "n" };
    const log = { info() {}, warn() {} };
    await openTracing({ service: "receiver", settings, lifecycle: { onEnd() {} }, registry: createRegistry("receiver"), log });
    console.log(JSON.stringify(loaded.filter((url) => /opentelemetry.(sdk|exporter|otlp|resources|core)/.test(url))));
    process.exit(0);
  `;
  const output = execFileSync(process.execPath, ["--input-type=module", "-e", script], { env, encoding: "utf8" });
  return JSON.parse(output) as string[];
}

test("without a collector the SDK is not loaded, and with one it is", { timeout: 60_000 }, () => {
  expect(loadedSdk({})).toEqual([]);
  expect(loadedSdk({ OTEL_TRACES_EXPORTER: "none", OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9" })).toEqual([]);
  expect(loadedSdk({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9" }).length).toBeGreaterThan(10);
});

function bounded(most: number) {
  const counted: Record<SpanResult, number> = { exported: 0, dropped: 0, failed: 0 };
  const outages: unknown[] = [];
  /** Exports without an answer. */
  const open: { spans: ReadableSpan[]; answer: (taken: boolean) => void }[] = [];
  const exporter: SpanExporter = {
    export: (spans, done) => open.push({ spans, answer: (taken) => done({ code: taken ? 0 : 1 }) }),
    shutdown: () => Promise.resolve(),
  };
  const spans = new BoundedSpans(exporter, most, {
    count: (result, number) => (counted[result] += number),
    failed: (error) => outages.push(error),
  });
  const batches = new BatchSpanProcessor({
    exporter: spans.exporter,
    maxQueueSize: most,
    maxExportBatchSize: 2,
    scheduledDelayMillis: 1,
  });
  const tracer = new TracerProvider({ spanProcessors: [spans.before(batches)] }).getTracer("test");
  const make = (count: number): void => {
    for (let index = 0; index < count; index += 1) tracer.startSpan("span").end();
  };
  return { counted, outages, open, make };
}

test("spans beyond the bound are dropped and counted, those of a running export included", async () => {
  const { counted, open, make } = bounded(4);
  make(3);
  await expect.poll(() => open.length).toBe(1);
  make(3);
  expect(counted).toEqual({ exported: 0, dropped: 2, failed: 0 });
  open[0]!.answer(true);
  await expect.poll(() => open.length).toBe(2);
  make(2);
  expect(counted).toEqual({ exported: 2, dropped: 2, failed: 0 });
});

test("spans that the collector does not take are counted, and each outage is reported once", async () => {
  const { counted, outages, open, make } = bounded(4);
  for (const [index, taken] of [false, false, true, false].entries()) {
    make(2);
    await expect.poll(() => open.length).toBe(index + 1);
    open[index]!.answer(taken);
  }
  expect(counted).toEqual({ exported: 2, dropped: 0, failed: 6 });
  expect(outages).toHaveLength(2);
});
