import { expect, test } from "vitest";
import { readSettings } from "#runtime/load-settings.ts";
import { tracesEndpoint, tracingSettings } from "./settings.ts";

const endpointOf = (env: Record<string, string>): string | undefined =>
  tracesEndpoint(readSettings(tracingSettings, env));

test.each<[Record<string, string>, string | undefined]>([
  [{}, undefined],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: "" }, undefined],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: "http://c:4318" }, "http://c:4318/v1/traces"],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: "https://c/otlp/" }, "https://c/otlp/v1/traces"],
  [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://c:4318/own" }, "http://c:4318/own"],
  [
    { OTEL_EXPORTER_OTLP_ENDPOINT: "http://a", OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://b/v1/traces" },
    "http://b/v1/traces",
  ],
  [{ OTEL_TRACES_EXPORTER: "otlp" }, "http://localhost:4318/v1/traces"],
  [{ OTEL_TRACES_EXPORTER: "none", OTEL_EXPORTER_OTLP_ENDPOINT: "http://c" }, undefined],
  [{ OTEL_SDK_DISABLED: "true", OTEL_EXPORTER_OTLP_ENDPOINT: "http://c" }, undefined],
])("%j sends traces to %s", (env, endpoint) => {
  expect(endpointOf(env)).toBe(endpoint);
});

test("headers and attributes are lists of pairs with percent-encoded values", () => {
  const settings = readSettings(tracingSettings, {
    OTEL_EXPORTER_OTLP_HEADERS: "authorization=Basic%20dTpw, x-tenant = a=b ,",
    OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=test,share=100%",
  });
  expect(settings.OTEL_EXPORTER_OTLP_HEADERS).toEqual({ authorization: "Basic dTpw", "x-tenant": "a=b" });
  expect(settings.OTEL_RESOURCE_ATTRIBUTES).toEqual({ "deployment.environment.name": "test", share: "100%" });
});

test.each([
  ["OTEL_TRACES_EXPORTER", "zipkin"],
  ["OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"],
  ["OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"],
  ["OTEL_TRACES_SAMPLER", "jaeger_remote"],
  ["OTEL_TRACES_SAMPLER_ARG", "2"],
  ["OTEL_BSP_MAX_QUEUE_SIZE", "0"],
])("a wrong %s stops the start and names it", (name, value) => {
  expect(() => readSettings(tracingSettings, { [name]: value })).toThrow(name);
});

test("an error never shows headers, because they carry tokens", () => {
  const read = (): unknown => readSettings(tracingSettings, { OTEL_EXPORTER_OTLP_HEADERS: "secret" });
  expect(read).toThrow('OTEL_EXPORTER_OTLP_HEADERS: a list of name=value, separated by commas, not "(hidden)"');
});
