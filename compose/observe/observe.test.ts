import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createRegistry } from "@saasaparilla/shared/runtime/metrics.ts";
import { expect, test } from "vitest";
import { createMetrics as courier } from "#services/courier/metrics.ts";
import { createMetrics as director } from "#services/director/metrics.ts";
import { createMetrics as dispatcher } from "#services/dispatcher/metrics.ts";
import { createMetrics as distributor } from "#services/distributor/metrics.ts";
import { createMetrics as receiver } from "#services/receiver/metrics.ts";
import { createMetrics as recorder } from "#services/recorder/metrics.ts";
import { readPromql } from "#tests/support/promql.ts";

interface Panel {
  title: string;
  targets?: { expr: string }[];
}

const read = (file: string): string => readFileSync(join(import.meta.dirname, file), "utf8");
const { panels } = JSON.parse(read("grafana/dashboards/notifications.json")) as { panels: Panel[] };
const drawn = panels.flatMap(({ targets = [] }) =>
  targets.map(({ expr }) => expr.replaceAll("$__rate_interval", "1m")),
);
const alerts = [...read("alerts.yaml").matchAll(/^ +expr: (.+)$/gm)].map((match) => match[1]!);

/**
 * The scraped series: of the services, of Prometheus itself, and those of every service (shared/auth/audit-log.ts,
 * shared/postgres/row-refresh.ts, shared/auth/pending-callers.ts, shared/auth/guard.ts, shared/timeline/event-log.ts).
 */
const known = new Set([
  "up",
  "access_age_seconds",
  "audit_dropped_total",
  "timeline_events_total",
  "timeline_events_dropped_total",
  "timeline_queued_bytes",
  "identity_waits_refused_total",
  "address_over_limit_requests_total",
]);
for (const [service, create] of Object.entries({ receiver, director, distributor, courier, dispatcher, recorder })) {
  const registry = createRegistry(service);
  create(registry);
  for (const { name } of registry.getMetricsAsArray()) known.add(name);
}

test.each([
  ["dashboard", drawn],
  ["alerts", alerts],
])("each metric of the %s exists in a service", (_, expressions) => {
  expect(expressions.length).toBeGreaterThan(10);
  const used = expressions
    .flatMap((one) => readPromql(one).metrics)
    .map((name) => name.replace(/_(bucket|count|sum)$/, ""));
  expect(used.filter((name) => !known.has(name))).toEqual([]);
});

test("no chart or alert groups by client or tenant, because there may be a hundred million", () => {
  const labels = [...drawn, ...alerts].flatMap((one) => readPromql(one).labels);
  expect(labels).toContain("reason");
  expect(labels.filter((name) => ["client", "tenant"].includes(name))).toEqual([]);
});
