import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { allSeries } from "#tools/docs/metric-sources.ts";
import { startDispatchPlatform, type DispatchPlatform } from "#tests/support/dispatch-platform.ts";
import { startOtlpCollector, type CollectedSpan, type OtlpCollector } from "#tests/support/otlp-collector.ts";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { Subscriber } from "#tests/support/subscriber.ts";

let collector: OtlpCollector;
let platform: DispatchPlatform;

beforeAll(async () => {
  collector = await startOtlpCollector();
  platform = await startDispatchPlatform({
    services: ["receiver", "distributor", "courier"],
    env: {
      INBOX_EVENTS: "*",
      OTEL_EXPORTER_OTLP_ENDPOINT: `${collector.url}/`,
      OTEL_EXPORTER_OTLP_HEADERS: "x-key=a%20secret",
      OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=test",
      OTEL_BSP_SCHEDULE_DELAY: "100",
    },
  });
});

afterAll(async () => {
  await platform.close();
  await collector.close();
});

const idOf = (bytes: number): string => randomBytes(bytes).toString("hex");

async function subscribed(client: string): Promise<Subscriber> {
  const subscriber = await Subscriber.of(platform.stack, { client, transport: "websocket" });
  await subscriber.connect(platform.service("distributor"));
  await subscriber.live();
  return subscriber;
}

/** Publishes in a trace of the caller. */
async function publish(to: object, { sampled = true, data = 1 } = {}): Promise<{ trace: string; caller: string }> {
  const [trace, caller] = [idOf(16), idOf(8)];
  const { status } = await fetch(`${platform.service("receiver").url}/v1/notifications`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      authorization: `Bearer ${platform.token}`,
      traceparent: `00-${trace}-${caller}-0${sampled ? 1 : 0}`,
    },
    body: JSON.stringify({ to, data }),
  });
  expect(status).toBe(202);
  return { trace, caller };
}

/** The spans of a trace, once all of these are there. */
async function collected(trace: string, ...names: string[]): Promise<CollectedSpan[]> {
  const sorted = (): string[] =>
    collector
      .ofTrace(trace)
      .map(({ name }) => name)
      .sort();
  await vi.waitFor(() => expect(sorted()).toEqual(names.toSorted()), 20_000);
  return collector.ofTrace(trace);
}

const named = (spans: CollectedSpan[], name: string): CollectedSpan => spans.find((span) => span.name === name)!;

test("one trace leads from publish to acknowledgement over both hops of Kafka", async () => {
  const subscriber = await subscribed("u1");
  const { trace, caller } = await publish({ client: "u1" });
  const spans = await collected(trace, "publish", "route", "deliver", "acknowledge", "settle", "insert");
  const shown = ({ service, kind, parentSpanId }: CollectedSpan) => ({ service, kind, parentSpanId });
  const published = named(spans, "publish");
  const parentSpanId = published.spanId;
  expect(shown(published)).toEqual({ service: "receiver", kind: "server", parentSpanId: caller });
  expect(shown(named(spans, "route"))).toEqual({ service: "director", kind: "consumer", parentSpanId });
  expect(shown(named(spans, "deliver"))).toEqual({ service: "distributor", kind: "consumer", parentSpanId });
  expect(shown(named(spans, "settle"))).toEqual({ service: "director", kind: "consumer", parentSpanId });
  expect(shown(named(spans, "insert"))).toEqual({ service: "courier", kind: "consumer", parentSpanId });
  const delivered = named(spans, "deliver");
  expect(shown(named(spans, "acknowledge"))).toEqual({
    service: "distributor",
    kind: "internal",
    parentSpanId: delivered.spanId,
  });
  expect(delivered.attributes).toMatchObject({ transport: "websocket", source: "live" });
  expect(named(spans, "settle").attributes).toMatchObject({ how: "acknowledged" });
  expect(published.attributes).toMatchObject({ "http.response.status_code": 202, "notifications.count": 1 });
  for (const { start, end } of spans) expect(end >= start).toBe(true);
  expect(named(spans, "acknowledge").end >= delivered.end).toBe(true);
  expect(subscriber.received.at(-1)).toMatchObject({ traceparent: `00-${trace}-${parentSpanId}-01` });
  await subscriber.close();
});

test("the requests have the settings' headers and attributes, and match the published schema", () => {
  expect(collector.problems).toEqual([]);
  expect(collector.headers.every((headers) => headers["x-key"] === "a secret")).toBe(true);
  for (const resource of collector.resources)
    expect(resource).toMatchObject({
      "service.namespace": platform.stack.namespace,
      "deployment.environment.name": "test",
    });
});

test("a notification that is not sampled makes no span, and keeps the context of its caller", async () => {
  const subscriber = await subscribed("u2");
  const spansBefore = new Set(collector.spans);
  const { trace, caller } = await publish({ client: "u2" }, { sampled: false });
  const later = await publish({ client: "u2" });
  await collected(later.trace, "publish", "route", "deliver", "acknowledge", "settle", "insert");
  expect(collector.spans.filter((span) => !spansBefore.has(span) && span.traceId !== later.trace)).toEqual([]);
  expect(subscriber.received.at(-2)).toMatchObject({ traceparent: `00-${trace}-${caller}-00` });
  await subscriber.close();
});

test("each notification of a group is below the page that wrote it", async () => {
  const subscriber = await subscribed("u3");
  await platform.api.ask("POST", "groups/team/members", { add: ["u3", "away"], remove: [] });
  const { trace } = await publish({ group: "team" });
  // Both are listed, and the statement that inserts them may be one.
  const names = ["publish", "page", "route", "deliver", "acknowledge", "settle", "settle"];
  const known = (): CollectedSpan[] => collector.ofTrace(trace).filter(({ name }) => name !== "insert");
  await vi.waitFor(
    () =>
      expect(
        known()
          .map(({ name }) => name)
          .sort(),
      ).toEqual(names.toSorted()),
    20_000,
  );
  const [spans, page] = [known(), named(known(), "page")];
  expect(page).toMatchObject({ service: "dispatcher", parentSpanId: named(spans, "publish").spanId });
  expect(page.attributes).toMatchObject({ "notifications.count": 2 });
  for (const name of ["route", "deliver"]) expect(named(spans, name).parentSpanId).toBe(page.spanId);
  const settled = spans.filter(({ name }) => name === "settle");
  expect(settled.map(({ attributes }) => String(attributes.how)).toSorted()).toEqual(["acknowledged", "stored"]);
  await subscriber.close();
});

test("a statement for many traces is in one of them, and links the others", async () => {
  const published = await Promise.all(Array.from({ length: 20 }, () => publish({ client: "away" })));
  const contextsOf = ({ traceId, parentSpanId, links }: CollectedSpan) => [{ traceId, spanId: parentSpanId }, ...links];
  const inserted = () =>
    collector.spans
      .filter(({ name }) => name === "insert")
      .map(contextsOf)
      .filter(([first]) => published.some(({ trace }) => trace === first!.traceId));
  const publishes = () =>
    published.flatMap(({ trace }) => collector.ofTrace(trace).filter(({ name }) => name === "publish"));
  await vi.waitFor(() => expect(inserted().flat()).toHaveLength(20), 20_000);
  await vi.waitFor(() => expect(publishes()).toHaveLength(20), 20_000);
  const order = (contexts: { traceId: string; spanId: string }[]) =>
    contexts.map(({ traceId, spanId }) => `${traceId} ${spanId}`).sort();
  expect(order(inserted().flat())).toEqual(order(publishes()));
  // Twenty statements would have no links.
  expect(inserted().length).toBeLessThan(20);
});

test("OpenMetrics of each service shows the trace of a sampled notification on its latency", async () => {
  const subscriber = await subscribed("u4");
  const { trace } = await publish({ client: "u4" });
  await collected(trace, "publish", "route", "deliver", "acknowledge", "settle", "insert");
  const scraped = async (kind: "receiver" | "director" | "distributor", accept: string): Promise<string> =>
    (await fetch(`${platform.service(kind).url}/metrics`, { headers: { accept } })).text();
  for (const [kind, series] of [
    ["receiver", "publish_seconds_bucket"],
    ["director", "settle_seconds_bucket"],
    ["distributor", "delivery_seconds_bucket"],
  ] as const) {
    const lines = (await scraped(kind, "application/openmetrics-text;version=1.0.0")).split("\n");
    const shown = lines.filter((line) => line.startsWith(series) && line.includes(` # {trace_id="${trace}"} `));
    expect(shown, `the ${kind}`).toHaveLength(1);
    expect(await scraped(kind, "text/plain")).not.toContain("trace_id");
  }
  await subscriber.close();
});

test("the metrics page lists each series under a service that has it, and no other", async () => {
  const page = await allSeries();
  for (const kind of ["receiver", "director", "distributor", "courier", "dispatcher", "console"] as const) {
    const text = await (await fetch(`${platform.service(kind).url}/metrics`)).text();
    const scraped = Array.from(text.matchAll(/^# HELP (?!process_|nodejs_)(\w+) /gm), ([, name]) => name!);
    const listed = page.filter(({ services }) => services.includes(kind)).map(({ name }) => name);
    expect(listed.toSorted(), `the ${kind}`).toEqual(scraped.toSorted());
  }
});

test("a collector that is away delays nothing, and its spans are counted", async () => {
  const subscriber = await subscribed("u5");
  const counted = (result: string): Promise<number> =>
    scrapeMetric(platform.service("director"), "trace_spans_total", `result="${result}"`);
  expect(await counted("exported")).toBeGreaterThan(0);
  expect(await counted("failed")).toBe(0);
  await collector.close();
  const before = subscriber.received.length;
  for (let data = 0; data < 20; data += 1) await publish({ client: "u5" }, { data });
  await vi.waitFor(() => expect(subscriber.received.length).toBe(before + 20), 10_000);
  await vi.waitFor(async () => expect(await counted("failed")).toBeGreaterThan(0), 30_000);
  await subscriber.close();
});
