import { z } from "zod";

const address = z.url({ protocol: /^https?$/ }).optional();
const pairs = z
  .string()
  .regex(/^\s*([^\s=,]+\s*=[^,]*(,\s*|$))*$/, "a list of name=value, separated by commas")
  .default("")
  .transform((list) => Object.fromEntries(list.split(",").flatMap((pair) => (pair.trim() ? [pairOf(pair)] : []))));
const count = z.coerce.number().int().min(1);

/** The names, defaults and meanings of OpenTelemetry, except where a description says so. */
export const tracingSettings = z.object({
  OTEL_SDK_DISABLED: z.stringbool().default(false).meta({ description: "Set true to turn traces off." }),
  OTEL_TRACES_EXPORTER: z.enum(["otlp", "none"]).optional().meta({
    description:
      "`otlp` sends traces, `none` does not. Default: `otlp` if one of the two endpoints is set, else `none`. Without `otlp`, the SDK is not loaded.",
  }),
  OTEL_EXPORTER_OTLP_ENDPOINT: address.meta({
    description:
      "Base address of an OTLP collector. `/v1/traces` is appended. With `otlp` and no address: `http://localhost:4318`.",
  }),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: address.meta({
    description: "The whole address for traces. It replaces OTEL_EXPORTER_OTLP_ENDPOINT.",
  }),
  OTEL_EXPORTER_OTLP_HEADERS: pairs.meta({
    description: "Headers of requests to the collector: `name=value,name=value`, values percent-encoded.",
  }),
  OTEL_EXPORTER_OTLP_TRACES_HEADERS: pairs.meta({
    description: "The same. A header in both has this value.",
  }),
  OTEL_EXPORTER_OTLP_PROTOCOL: z.enum(["http/protobuf"]).default("http/protobuf").meta({
    description: "The only protocol. Collectors speak it on port 4318.",
  }),
  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: z.enum(["http/protobuf"]).default("http/protobuf").meta({
    description: "The same for traces.",
  }),
  OTEL_EXPORTER_OTLP_TIMEOUT: count.max(600_000).default(10_000).meta({
    description: "The most ms for one export, repeats included.",
  }),
  OTEL_SERVICE_NAME: z.string().optional().meta({
    description: "The attribute `service.name`. Default: the service, for example `receiver`.",
  }),
  OTEL_RESOURCE_ATTRIBUTES: pairs.meta({
    description:
      "Attributes of all spans: `name=value,name=value`, values percent-encoded. `service.namespace` is NAMESPACE unless you set it.",
  }),
  OTEL_TRACES_SAMPLER: z
    .enum([
      "always_on",
      "always_off",
      "traceidratio",
      "parentbased_always_on",
      "parentbased_always_off",
      "parentbased_traceidratio",
    ])
    .default("parentbased_always_off")
    .meta({
      description:
        "How the receiver decides which requests are sampled; other services follow it. OpenTelemetry's own default is parentbased_always_on.",
    }),
  OTEL_TRACES_SAMPLER_ARG: z.coerce.number().min(0).max(1).default(1).meta({
    description: "The part of requests that `traceidratio` samples, from 0 to 1.",
  }),
  OTEL_BSP_MAX_QUEUE_SIZE: count.max(1_000_000).default(2_048).meta({
    description: "Spans that wait for the collector. Further spans are dropped and counted.",
  }),
  OTEL_BSP_MAX_EXPORT_BATCH_SIZE: count.max(100_000).default(512).meta({ description: "Spans in one export." }),
  OTEL_BSP_SCHEDULE_DELAY: count.max(600_000).default(5_000).meta({ description: "ms between exports." }),
});

export type TracingSettings = z.output<typeof tracingSettings>;

/** Where traces go. Undefined: nowhere. */
export function tracesEndpoint(settings: TracingSettings): string | undefined {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: base, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: whole } = settings;
  const exporter = settings.OTEL_TRACES_EXPORTER ?? (base === undefined && whole === undefined ? "none" : "otlp");
  if (settings.OTEL_SDK_DISABLED || exporter === "none") return undefined;
  return whole ?? `${(base ?? "http://localhost:4318").replace(/\/+$/, "")}/v1/traces`;
}

function pairOf(pair: string): [string, string] {
  const at = pair.indexOf("=");
  return [pair.slice(0, at).trim(), decoded(pair.slice(at + 1).trim())];
}

/** A value with a single % is taken as it is, as other SDKs do. */
function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
