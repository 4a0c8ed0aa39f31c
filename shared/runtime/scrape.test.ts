import { expect, test } from "vitest";
import { createRegistry, meters } from "./metrics.ts";
import { scrape } from "./scrape.ts";

const OPEN = "application/openmetrics-text";
/** As Prometheus 2 and 3 send it. */
const PROMETHEUS = `${OPEN};version=1.0.0;escaping=allow-utf-8;q=0.6,${OPEN};version=0.0.1;q=0.5,text/plain;version=1.0.0;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2`;
const TRACE = "0af7651916cd43dd8448eb211c80319c";

function publishing() {
  const registry = createRegistry("receiver");
  const { counter, latency } = meters(registry);
  counter("accepted_total", "Accepted.", "how").inc({ how: "new" }, 3);
  const seconds = latency({
    name: "publish_seconds",
    help: "Time.",
    buckets: [0.1, 1],
    label: "status",
    wall: () => 1_800_000_000_500,
  });
  return { registry, seconds };
}

const linesOf = (body: string, name: string): string[] =>
  body.split("\n").filter((line) => line.startsWith(name) || line.startsWith(`# TYPE ${name}`));

test("a scraper that asks for OpenMetrics gets exemplars of sampled traces, and an end", async () => {
  const { registry, seconds } = publishing();
  seconds.took(202, 0.05);
  seconds.took(202, 0.07, TRACE);
  seconds.took(202, 7);
  const { contentType, body } = await scrape(registry, PROMETHEUS);
  expect(contentType).toBe("application/openmetrics-text; version=1.0.0; charset=utf-8");
  expect(linesOf(body, "publish_seconds")).toEqual([
    "# TYPE publish_seconds histogram",
    `publish_seconds_bucket{status="202",le="0.1",service="receiver"} 2 # {trace_id="${TRACE}"} 0.07 1800000000.5`,
    'publish_seconds_bucket{status="202",le="1",service="receiver"} 2',
    'publish_seconds_bucket{status="202",le="+Inf",service="receiver"} 3',
    'publish_seconds_sum{status="202",service="receiver"} 7.12',
    'publish_seconds_count{status="202",service="receiver"} 3',
  ]);
  expect(linesOf(body, "accepted")).toEqual([
    "# TYPE accepted counter",
    'accepted_total{how="new",service="receiver"} 3',
  ]);
  expect(body.endsWith("\n# EOF\n")).toBe(true);
});

test("every other scraper gets the text format as before, also after a scrape of OpenMetrics", async () => {
  const { registry, seconds } = publishing();
  seconds.took(202, 0.07, TRACE);
  await scrape(registry, PROMETHEUS);
  for (const accept of [
    undefined,
    "",
    "*/*",
    "text/plain",
    "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8",
    `${OPEN};version=2.0.0`,
    `${OPEN};q=0`,
    `${OPEN};version=1.0.0;q=0.3,text/plain;q=0.7`,
  ]) {
    const { contentType, body } = await scrape(registry, accept);
    expect(contentType, `Accept: ${accept}`).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(body).toContain("# TYPE accepted_total counter\n");
    expect(body).toContain('publish_seconds_bucket{status="202",le="0.1",service="receiver"} 1\n');
    expect(body).not.toContain(TRACE);
  }
});

test("a bucket keeps the newest exemplar, and a duration at its bound is in it", async () => {
  const { registry, seconds } = publishing();
  seconds.took(202, 0.1, "a".repeat(32));
  seconds.took(202, 0.02, "b".repeat(32));
  const { body } = await scrape(registry, OPEN);
  expect(body.match(/trace_id="(.)/g)).toEqual(['trace_id="b']);
  expect(body).toContain('le="0.1",service="receiver"} 2 #');
});
