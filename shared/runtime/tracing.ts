import {
  isSpanContextValid,
  ROOT_CONTEXT,
  SpanKind,
  trace,
  TraceFlags,
  type Span,
  type SpanContext,
} from "@opentelemetry/api";

/**
 * W3C Trace Context, level 2. Without an OpenTelemetry SDK in the process a span does nothing, and the caller's context
 * is passed on.
 */
const FORM = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

export interface Traced {
  /** The context to pass on: the span's own if there is an SDK, else the caller's; "" for none. */
  traceparent: string;
  span: Span;
}

/** The context in a traceparent. It is undefined if the header is not valid and must be ignored. */
export function readTraceparent(header: string | undefined): SpanContext | undefined {
  const [, version, traceId, spanId, flags, more] = FORM.exec(header ?? "") ?? [];
  if (version === undefined || version === "ff" || (version === "00" && more !== undefined)) return undefined;
  const context = { traceId: traceId!, spanId: spanId!, traceFlags: Number.parseInt(flags!, 16), isRemote: true };
  return isSpanContextValid(context) ? context : undefined;
}

export function startSpan(
  service: string,
  name: string,
  kind: "server" | "producer" | "consumer",
  traceparent: string | undefined,
): Traced {
  const parent = readTraceparent(traceparent);
  const context = parent ? trace.setSpanContext(ROOT_CONTEXT, parent) : ROOT_CONTEXT;
  const span = trace.getTracer(service).startSpan(name, { kind: KINDS[kind] }, context);
  const own = span.spanContext();
  return { span, traceparent: isSpanContextValid(own) ? writeTraceparent(own) : "" };
}

const KINDS = { server: SpanKind.SERVER, producer: SpanKind.PRODUCER, consumer: SpanKind.CONSUMER };

/** Flags of a later version mean nothing here: only "sampled" and "random" are passed on. */
function writeTraceparent({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${(traceFlags & (TraceFlags.SAMPLED | 2)).toString(16).padStart(2, "0")}`;
}
