import {
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context,
  type Span,
  type SpanContext,
  type TimeInput,
  type Tracer,
} from "@opentelemetry/api";
import { notificationBody } from "#protocol/pack.ts";
import { isSampledContext, readTraceparent, writeTraceparent } from "./traceparent.ts";

export type { SpanContext };

/**
 * Spans of sampled notifications. Each service tests `isTraced` before it does anything for a span, so an unsampled
 * notification costs one branch without an exporter, and two bytes with one.
 */
let tracer: Tracer | undefined;
/** The sampler may sample a request whose caller does not. */
let begins = false;

/** One process is one service, so it has one tracer. Undefined: no exporter is set. */
export function traceWith(one: Tracer | undefined, options = { begins: false }): void {
  tracer = one;
  begins = one !== undefined && options.begins;
}

/** Whether spans are made for this notification. The one place that decides it. */
export function isTraced(body: Buffer): boolean {
  return tracer !== undefined && notificationBody.sampled(body);
}

/** The same for a notification, or a publication, whose traceparent is already read. */
export function isTracedContext(traceparent: string | undefined): boolean {
  return tracer !== undefined && traceparent !== undefined && isSampledContext(readTraceparent(traceparent));
}

export interface Traced {
  /** The context to pass on: the span's own, else the caller's; "" for none. */
  traceparent: string;
  /** Undefined if the trace is not sampled. */
  traceId: string | undefined;
  /** Undefined if nothing records it. */
  span: Span | undefined;
}

const UNTRACED: Traced = { traceparent: "", traceId: undefined, span: undefined };

/** A span that others continue. An unsampled one passes the caller's context on, and writes no context of its own. */
export function startSpan(name: string, kind: "server" | "consumer", traceparent: string | undefined): Traced {
  if (traceparent === undefined && !begins) return UNTRACED;
  const parent = readTraceparent(traceparent);
  const asked = isSampledContext(parent);
  const span = asked || begins ? tracer?.startSpan(name, { kind: KINDS[kind] }, contextOf(parent)) : undefined;
  const recorded = span?.isRecording() === true;
  // A sampler can turn down what the caller samples. Then no later service may take it for sampled.
  const context = span && (recorded || asked) ? span.spanContext() : parent;
  return {
    traceparent: context ? writeTraceparent(context) : "",
    traceId: isSampledContext(context) ? context!.traceId : undefined,
    span: recorded ? span : undefined,
  };
}

/** Records what happened to a sampled notification, until now. Returns its context for spans below it. */
export function recordSpan(
  name: string,
  kind: "consumer" | "internal",
  parent: string | SpanContext,
  { start, attributes }: { start: TimeInput; attributes: Attributes },
): SpanContext {
  const context = contextOf(typeof parent === "string" ? readTraceparent(parent) : parent);
  const span = tracer!.startSpan(name, { kind: KINDS[kind], startTime: start, attributes }, context);
  span.end();
  return span.spanContext();
}

/** Work on a batch is one span: in the trace of its first sampled notification, with links to the others. */
export async function inBatchSpan<T>(
  name: string,
  items: readonly { traceparent: string }[],
  attributes: Attributes,
  work: () => Promise<T>,
): Promise<T> {
  const [first, ...others] = tracer ? sampledOf(items) : [];
  if (!first) return work();
  const links = others.map((context) => ({ context }));
  const span = tracer!.startSpan(name, { kind: SpanKind.CONSUMER, links, attributes }, contextOf(first));
  try {
    return await work();
  } catch (error) {
    span.setStatus({ code: SpanStatusCode.ERROR, message: String(error) });
    throw error;
  } finally {
    span.end();
  }
}

/** Each context once: a request with many notifications gives all of them the same one. */
function sampledOf(items: readonly { traceparent: string }[]): SpanContext[] {
  const contexts = new Map<string, SpanContext>();
  for (const { traceparent } of items) {
    if (traceparent === "" || contexts.has(traceparent)) continue;
    const context = readTraceparent(traceparent);
    if (context && isSampledContext(context)) contexts.set(traceparent, context);
  }
  return [...contexts.values()];
}

function contextOf(parent: SpanContext | undefined): Context {
  return parent ? trace.setSpanContext(ROOT_CONTEXT, parent) : ROOT_CONTEXT;
}

const KINDS = { server: SpanKind.SERVER, consumer: SpanKind.CONSUMER, internal: SpanKind.INTERNAL };
