import { isSpanContextValid, TraceFlags, type SpanContext } from "@opentelemetry/api";

/** W3C Trace Context, level 2. */
const FORM = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const RANDOM = 2;

/** The context in a traceparent. It is undefined if the header is not valid and must be ignored. */
export function readTraceparent(header: string | undefined): SpanContext | undefined {
  const [, version, traceId, spanId, flags, more] = FORM.exec(header ?? "") ?? [];
  if (version === undefined || version === "ff" || (version === "00" && more !== undefined)) return undefined;
  const context = { traceId: traceId!, spanId: spanId!, traceFlags: Number.parseInt(flags!, 16), isRemote: true };
  return isSpanContextValid(context) ? context : undefined;
}

/** Flags of a later version mean nothing here: only "sampled" and "random" are passed on. */
export function writeTraceparent({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${(traceFlags & (TraceFlags.SAMPLED | RANDOM)).toString(16).padStart(2, "0")}`;
}

export function isSampledContext(context: Pick<SpanContext, "traceFlags"> | undefined): boolean {
  return context !== undefined && (context.traceFlags & TraceFlags.SAMPLED) !== 0;
}
