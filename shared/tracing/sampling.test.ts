import { AlwaysOffSampler, AlwaysOnSampler, ParentBasedSampler, TracerProvider } from "@opentelemetry/sdk-trace";
import { afterEach, expect, test } from "vitest";
import { startSpan, traceWith } from "./spans.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const CALLER = "b7ad6b7169203331";
const sampled = `00-${TRACE}-${CALLER}-01`;
const unsampled = `00-${TRACE}-${CALLER}-00`;

afterEach(() => traceWith(undefined));

const started = (traceparent: string | undefined) => startSpan("publish", "server", traceparent);

test("the default sampler follows the caller, and gives an unsampled request no context of its own", () => {
  const sampler = new ParentBasedSampler({ root: new AlwaysOffSampler() });
  traceWith(new TracerProvider({ sampler }).getTracer("test"));
  expect(started(undefined)).toEqual({ traceparent: "", traceId: undefined, span: undefined });
  expect(started(unsampled)).toEqual({ traceparent: unsampled, traceId: undefined, span: undefined });
  const { traceparent, traceId, span } = started(sampled);
  expect(traceparent).toBe(`00-${TRACE}-${span!.spanContext().spanId}-01`);
  expect(span!.spanContext().spanId).not.toBe(CALLER);
  expect(traceId).toBe(TRACE);
});

test("a sampler that begins traces gives a request without a context one", () => {
  const sampler = new ParentBasedSampler({ root: new AlwaysOnSampler() });
  traceWith(new TracerProvider({ sampler }).getTracer("test"), { begins: true });
  const { traceparent, span } = started(undefined);
  expect(traceparent).toBe(`00-${span!.spanContext().traceId}-${span!.spanContext().spanId}-01`);
  expect(started(unsampled)).toEqual({ traceparent: unsampled, traceId: undefined, span: undefined });
});

test("what a sampler turns down is passed on as not sampled", () => {
  traceWith(new TracerProvider({ sampler: new AlwaysOffSampler() }).getTracer("test"));
  const { traceparent, traceId, span } = started(sampled);
  expect(traceparent).toMatch(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-00$`));
  expect([traceId, span]).toEqual([undefined, undefined]);
});
